package io.fisherwatch.web;

import com.sun.net.httpserver.HttpExchange;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** What every request must pass: a name that is ours, nothing but reading, credentials. */
final class Gate {

  /** Bytes of path and query; the API's longest is a run's name and some layers'. */
  private static final int LONGEST_TARGET = 8_192;

  private static final Set<String> LOCAL_NAMES = Set.of("localhost", "127.0.0.1", "[::1]");

  private final boolean anyName;
  private final Set<String> names;
  private final Access access;
  private final Optional<SecretCheck> password;
  private final Optional<SecretCheck> token;

  Gate(WebSettings settings, boolean loopback, LongSupplier nanoTime) {
    this.anyName = !loopback && settings.names().isEmpty();
    this.names = settings.names();
    this.access = settings.access();
    this.password = access.user().map(user -> new SecretCheck(user.password(), nanoTime));
    this.token = access.token().map(hash -> new SecretCheck(hash, nanoTime));
  }

  /** Whether a request may pass; if not, it has been answered. */
  boolean admits(HttpExchange exchange) throws IOException {
    String method = exchange.getRequestMethod();
    String path = exchange.getRequestURI().getPath();
    if (!isOurName(exchange.getRequestHeaders().getFirst("Host"))) {
      return refuse(
          exchange, 403, "Forbidden", "the Host header names another machine than this one");
    }
    if (!method.equals("GET") && !method.equals("HEAD")) {
      exchange.getResponseHeaders().set("Allow", "GET, HEAD");
      return refuse(exchange, 405, "Method Not Allowed", "only GET and HEAD are served");
    }
    if (hasBody(exchange)) {
      exchange.getResponseHeaders().set("Connection", "close");
      return refuse(exchange, 413, "Content Too Large", "a request has no body here");
    }
    if (exchange.getRequestURI().toString().length() > LONGEST_TARGET) {
      return refuse(
          exchange,
          414,
          "URI Too Long",
          "path and query have at most " + LONGEST_TARGET + " bytes");
    }
    if (path == null) {
      return refuse(exchange, 400, "Bad Request", "the target is no path");
    }
    return !access.isRestricted() || access.openPaths().contains(path) || mayRead(exchange);
  }

  private boolean mayRead(HttpExchange exchange) throws IOException {
    switch (verdict(exchange.getRequestHeaders().getFirst("Authorization"))) {
      case RIGHT -> {
        return true;
      }
      case BUSY -> {
        exchange.getResponseHeaders().set("Retry-After", "1");
        return refuse(
            exchange, 429, "Too Many Requests", "other credentials are being checked; try again");
      }
      default -> {
        if (token.isPresent()) {
          exchange.getResponseHeaders().add("WWW-Authenticate", "Bearer realm=\"fisherwatch\"");
        }
        if (password.isPresent()) {
          exchange
              .getResponseHeaders()
              .add("WWW-Authenticate", "Basic realm=\"fisherwatch\", charset=\"UTF-8\"");
        }
        return refuse(exchange, 401, "Unauthorized", "credentials are missing or wrong");
      }
    }
  }

  private SecretCheck.Verdict verdict(@Nullable String authorization) {
    if (authorization == null || authorization.indexOf(' ') < 0) {
      return SecretCheck.Verdict.WRONG;
    }
    int space = authorization.indexOf(' ');
    String scheme = authorization.substring(0, space).toLowerCase(Locale.ROOT);
    String credentials = authorization.substring(space + 1).strip();
    if (scheme.equals("bearer") && token.isPresent()) {
      return token.get().check(credentials);
    }
    if (scheme.equals("basic") && password.isPresent()) {
      return basic(credentials, access.user().orElseThrow().name(), password.get());
    }
    return SecretCheck.Verdict.WRONG;
  }

  /** A wrong name takes as long as a wrong password. */
  private static SecretCheck.Verdict basic(String credentials, String user, SecretCheck password) {
    String pair;
    try {
      pair = new String(Base64.getDecoder().decode(credentials), StandardCharsets.UTF_8);
    } catch (IllegalArgumentException e) {
      return SecretCheck.Verdict.WRONG;
    }
    int colon = pair.indexOf(':');
    if (colon < 0) {
      return SecretCheck.Verdict.WRONG;
    }
    byte[] name = pair.substring(0, colon).getBytes(StandardCharsets.UTF_8);
    boolean right = MessageDigest.isEqual(name, user.getBytes(StandardCharsets.UTF_8));
    SecretCheck.Verdict verdict = password.check(pair.substring(colon + 1));
    return verdict == SecretCheck.Verdict.RIGHT && !right ? SecretCheck.Verdict.WRONG : verdict;
  }

  private static boolean hasBody(HttpExchange exchange) {
    String length = exchange.getRequestHeaders().getFirst("Content-Length");
    return exchange.getRequestHeaders().containsKey("Transfer-Encoding")
        || (length != null && !length.equals("0"));
  }

  /** A page elsewhere whose name was made to point here sends its own name: it is not for us. */
  private boolean isOurName(@Nullable String host) {
    if (anyName) {
      return true;
    }
    if (host == null) {
      return false;
    }
    String name = host.replaceFirst(":\\d+$", "").toLowerCase(Locale.ROOT);
    return LOCAL_NAMES.contains(name) || names.contains(name);
  }

  private static boolean refuse(HttpExchange exchange, int status, String title, String detail)
      throws IOException {
    Responses.problem(exchange, status, title, detail);
    return false;
  }
}
