package io.fisherwatch.web;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import com.sun.net.httpserver.HttpServer;
import io.fisherwatch.snapshot.AgentActivity;
import io.fisherwatch.snapshot.DiagonalSource;
import io.fisherwatch.snapshot.SnapshotBoard;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Serves what is on the board: page, API, stream, metrics, health. */
public final class WebServer implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(WebServer.class);

  /** Connections served at once; more are closed. */
  private static final int MOST_CONNECTIONS = 64;

  private final HttpServer server;
  private final ExecutorService threads;
  private final Api api;
  private final Streams streams;
  private final Readiness readiness;
  private final HttpHandler metrics;
  private final boolean loopback;

  private WebServer(
      HttpServer server,
      boolean loopback,
      Api api,
      Streams streams,
      HttpHandler metrics,
      Readiness readiness) {
    this.server = server;
    this.loopback = loopback;
    this.api = api;
    this.streams = streams;
    this.metrics = metrics;
    this.readiness = readiness;
    this.threads =
        new ThreadPoolExecutor(
            2,
            MOST_CONNECTIONS,
            30,
            TimeUnit.SECONDS,
            new SynchronousQueue<>(),
            task -> {
              Thread thread = new Thread(task, "fisherwatch-web");
              thread.setDaemon(true);
              return thread;
            });
  }

  /**
   * Starts listening.
   *
   * @param diagonals streams the running diagonals
   * @param metrics answers scrapes
   * @param activity what the agent has done so far
   * @throws IOException if the port cannot be had
   */
  public static WebServer start(
      WebSettings settings,
      SnapshotBoard board,
      DiagonalSource diagonals,
      HttpHandler metrics,
      Readiness readiness,
      Supplier<AgentActivity> activity)
      throws IOException {
    InetAddress address = InetAddress.getByName(settings.host());
    HttpServer server;
    try {
      server = HttpServer.create(new InetSocketAddress(address, settings.port()), 64);
    } catch (IOException e) {
      throw new IOException(
          "cannot listen on "
              + settings.host()
              + ":"
              + settings.port()
              + " ("
              + e.getMessage()
              + "); choose another port, or 0 for a free one",
          e);
    }
    Streams streams = new Streams(board);
    Api api = new Api(board, diagonals, readiness, activity, streams);
    WebServer web =
        new WebServer(server, address.isLoopbackAddress(), api, streams, metrics, readiness);
    server.setExecutor(web.threads);
    server.createContext("/", web::serve);
    server.start();
    return web;
  }

  /** The port that it listens on. */
  public int port() {
    return server.getAddress().getPort();
  }

  private void serve(HttpExchange exchange) throws IOException {
    try (exchange) {
      Responses.secure(exchange);
      String method = exchange.getRequestMethod();
      if (loopback && !isLocalName(exchange.getRequestHeaders().getFirst("Host"))) {
        Responses.problem(
            exchange, 403, "Forbidden", "the Host header names another machine than this one");
      } else if (!method.equals("GET") && !method.equals("HEAD")) {
        exchange.getResponseHeaders().set("Allow", "GET, HEAD");
        Responses.problem(exchange, 405, "Method Not Allowed", "only GET and HEAD are served");
      } else {
        route(exchange, exchange.getRequestURI().getPath());
      }
    } catch (IOException e) {
      LOG.debug("a connection broke off: {}", e.toString());
    } catch (RuntimeException e) {
      LOG.error("{} failed", exchange.getRequestURI(), e);
      throw e;
    }
  }

  private void route(HttpExchange exchange, String path) throws IOException {
    switch (path) {
      case "/livez" -> Responses.text(exchange, 200, "ok");
      case "/readyz" -> ready(exchange);
      case "/metrics" -> metrics.handle(exchange);
      case "/" -> PageFiles.send(exchange, "index.html");
      default -> {
        if (path.startsWith("/api/")) {
          api.handle(exchange, path);
        } else {
          PageFiles.send(exchange, path.substring(1));
        }
      }
    }
  }

  private void ready(HttpExchange exchange) throws IOException {
    Optional<String> reason = readiness.notReadyReason();
    String ok = readiness.warning().map(warning -> "ok, but " + warning).orElse("ok");
    Responses.text(exchange, reason.isEmpty() ? 200 : 503, reason.orElse(ok));
  }

  /** A page elsewhere whose name was made to point here sends its own name: it is not for us. */
  private static boolean isLocalName(@Nullable String host) {
    if (host == null) {
      return false;
    }
    String name = host.replaceFirst(":\\d+$", "");
    return name.equals("localhost") || name.equals("127.0.0.1") || name.equals("[::1]");
  }

  @Override
  public void close() {
    streams.stop();
    server.stop(0);
    threads.shutdownNow();
  }
}
