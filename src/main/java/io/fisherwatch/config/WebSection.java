package io.fisherwatch.config;

import io.fisherwatch.web.Access;
import io.fisherwatch.web.SecretHash;
import io.fisherwatch.web.WebSettings;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/** Reads the section {@code web} of the configuration. */
public final class WebSection {

  /** Stands where there is nothing. */
  public static final String NONE = "none";

  private static final String OPEN_PATHS = "/livez,/readyz";

  private final ConfigTree tree;

  private WebSection(ConfigTree tree) {
    this.tree = tree;
  }

  /** Reads it; mistakes are the tree's. */
  public static WebSettings read(ConfigTree tree) {
    return new WebSection(tree).read();
  }

  private WebSettings read() {
    String host = tree.text("web.host", "127.0.0.1");
    int port = (int) tree.number("web.port", 8088, 0, 65535);
    Set<String> names = new LinkedHashSet<>();
    tree.list("web.names", "").forEach(name -> names.add(name.toLowerCase(Locale.ROOT)));
    return new WebSettings(host, port, names, access(), tls(), limits());
  }

  private Access access() {
    Optional<String> user = given("web.auth.user");
    Optional<SecretHash> password = hash("web.auth.passwordHash");
    Optional<SecretHash> token = hash("web.auth.tokenHash");
    if (user.isPresent() != given("web.auth.passwordHash").isPresent()) {
      tree.mistake("web.auth", "user and passwordHash go together");
    }
    if (user.orElse("").contains(":")) {
      tree.mistake("web.auth.user", user.orElse(""), "a name without a colon");
    }
    Set<String> open = new LinkedHashSet<>(tree.list("web.auth.openPaths", OPEN_PATHS));
    for (String path : open) {
      if (!path.startsWith("/")) {
        tree.mistake("web.auth.openPaths", path, "a path, which begins with /");
      }
    }
    return new Access(
        user.flatMap(name -> password.map(hash -> new Access.User(name, hash))), token, open);
  }

  private Optional<SecretHash> hash(String key) {
    Optional<String> text = given(key);
    try {
      return text.map(SecretHash::parse);
    } catch (IllegalArgumentException e) {
      tree.mistake(key, e.getMessage() + "; 'fisherwatch config hash-secret' makes one");
      return Optional.empty();
    }
  }

  private Optional<WebSettings.TlsFiles> tls() {
    Optional<Path> certificate = path("web.tls.certificate");
    Optional<Path> key = path("web.tls.key");
    if (certificate.isPresent() != key.isPresent()) {
      tree.mistake("web.tls", "certificate and key go together");
    }
    return certificate.flatMap(file -> key.map(other -> new WebSettings.TlsFiles(file, other)));
  }

  private WebSettings.Limits limits() {
    WebSettings.Limits usual = WebSettings.Limits.DEFAULT;
    int connections = (int) tree.number("web.maxConnections", usual.connections(), 4, 4096);
    int streams = (int) tree.number("web.maxStreams", usual.streams(), 0, 4096);
    if (streams > connections - 2) {
      tree.mistake(
          "web.maxStreams",
          Integer.toString(streams),
          "less than web.maxConnections by 2, so that scrapes get through");
    }
    return new WebSettings.Limits(connections, streams);
  }

  private Optional<Path> path(String key) {
    try {
      return given(key).map(Path::of);
    } catch (InvalidPathException e) {
      tree.mistake(key, given(key).orElse(NONE), "a path, or none");
      return Optional.empty();
    }
  }

  private Optional<String> given(String key) {
    return Optional.of(tree.text(key, NONE)).filter(text -> !text.equals(NONE));
  }
}
