package io.fisherwatch.web;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import com.sun.net.httpserver.HttpServer;
import io.fisherwatch.snapshot.AgentActivity;
import io.fisherwatch.snapshot.DiagonalSource;
import io.fisherwatch.snapshot.PartitionSource;
import io.fisherwatch.snapshot.SnapshotBoard;
import java.io.IOException;
import java.net.InetAddress;
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

  private final HttpServer server;
  private final ExecutorService threads;
  private final Api api;
  private final Streams streams;
  private final Readiness readiness;
  private final HttpHandler metrics;
  private final Gate gate;

  private WebServer(
      HttpServer server,
      WebSettings settings,
      Gate gate,
      Api api,
      Streams streams,
      HttpHandler metrics,
      Readiness readiness) {
    this.server = server;
    this.gate = gate;
    this.api = api;
    this.streams = streams;
    this.metrics = metrics;
    this.readiness = readiness;
    this.threads =
        new ThreadPoolExecutor(
            2,
            Math.max(2, settings.limits().connections()),
            30,
            TimeUnit.SECONDS,
            new SynchronousQueue<>(),
            task -> {
              Thread thread = new Thread(task, "fisherwatch-web");
              thread.setDaemon(true);
              return thread;
            });
  }

  /** Starts listening for what takes part in no group: nothing tells of partitions. */
  public static WebServer start(
      WebSettings settings,
      SnapshotBoard board,
      DiagonalSource diagonals,
      HttpHandler metrics,
      Readiness readiness,
      Supplier<AgentActivity> activity)
      throws IOException {
    return start(settings, board, diagonals, metrics, readiness, activity, null);
  }

  /**
   * Starts listening.
   *
   * @param diagonals streams the running diagonals
   * @param metrics answers scrapes
   * @param activity what the agent has done so far
   * @param partitions who has which partition; null where there are none
   * @throws IOException if the port cannot be had, or its certificate cannot be used
   */
  public static WebServer start(
      WebSettings settings,
      SnapshotBoard board,
      DiagonalSource diagonals,
      HttpHandler metrics,
      Readiness readiness,
      Supplier<AgentActivity> activity,
      @Nullable PartitionSource partitions)
      throws IOException {
    InetAddress address = InetAddress.getByName(settings.host());
    HttpServer server = Listener.open(settings, address);
    Listener.warn(settings, address);
    Streams streams = new Streams(board, settings.limits().streams());
    Api api = new Api(board, diagonals, readiness, activity, streams, partitions);
    Gate gate = new Gate(settings, address.isLoopbackAddress(), System::nanoTime);
    WebServer web = new WebServer(server, settings, gate, api, streams, metrics, readiness);
    server.setExecutor(web.threads);
    server.createContext("/", web::serve);
    server.start();
    return web;
  }

  /** The port that it listens on. */
  public int port() {
    return server.getAddress().getPort();
  }

  private void serve(HttpExchange exchange) {
    try (exchange) {
      answer(exchange);
    } catch (IOException e) {
      LOG.debug("a connection broke off: {}", e.toString());
    }
  }

  private void answer(HttpExchange exchange) throws IOException {
    Responses.secure(exchange);
    try {
      if (gate.admits(exchange)) {
        route(exchange, exchange.getRequestURI().getPath());
      }
    } catch (RuntimeException e) {
      LOG.error("{} failed", exchange.getRequestURI(), e);
      if (exchange.getResponseCode() >= 0) {
        throw e; // part of an answer is out: only the end of the connection can tell
      }
      Responses.problem(exchange, 500, "Internal Server Error", "the log says why");
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

  @Override
  public void close() {
    streams.stop();
    server.stop(0);
    threads.shutdownNow();
  }
}
