package io.fisherwatch.web;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import com.sun.net.httpserver.HttpServer;
import io.fisherwatch.snapshot.DiagonalSource;
import io.fisherwatch.snapshot.RunSnapshot;
import io.fisherwatch.snapshot.SnapshotBoard;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Serves what is on the board: page, API, stream, metrics, health. */
public final class WebServer implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(WebServer.class);

  /** Connections served at once; more are closed. */
  private static final int MOST_CONNECTIONS = 64;

  /** Streams held open at once, so that they leave threads for scrapes. */
  private static final int MOST_STREAMS = 48;

  private static final Map<String, String> TYPES =
      Map.of(
          "html", "text/html; charset=utf-8",
          "css", "text/css; charset=utf-8",
          "js", "text/javascript; charset=utf-8",
          "svg", "image/svg+xml");

  /** What the page is made of. */
  private static final Set<String> FILES =
      Set.of("index.html", "style.css", "app.js", "uplot.js", "uplot.css", "icon.svg");

  private final HttpServer server;
  private final ExecutorService threads;
  private final SnapshotBoard board;
  private final DiagonalSource diagonals;
  private final Readiness readiness;
  private final HttpHandler metrics;
  private final boolean loopback;
  private final Set<SnapshotStream> streams = ConcurrentHashMap.newKeySet();

  private WebServer(
      HttpServer server,
      boolean loopback,
      SnapshotBoard board,
      DiagonalSource diagonals,
      HttpHandler metrics,
      Readiness readiness) {
    this.server = server;
    this.loopback = loopback;
    this.board = board;
    this.diagonals = diagonals;
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
   * @throws IOException if the port cannot be had
   */
  public static WebServer start(
      WebSettings settings,
      SnapshotBoard board,
      DiagonalSource diagonals,
      HttpHandler metrics,
      Readiness readiness)
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
    WebServer web =
        new WebServer(server, address.isLoopbackAddress(), board, diagonals, metrics, readiness);
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
      case "/api/runs" -> runs(exchange);
      case "/api/stream" -> stream(exchange);
      case "/" -> file(exchange, "index.html");
      default -> {
        if (path.startsWith("/api/runs/")) {
          run(exchange, path.substring("/api/runs/".length()));
        } else {
          file(exchange, path.substring(1));
        }
      }
    }
  }

  private void ready(HttpExchange exchange) throws IOException {
    Optional<String> reason = readiness.notReadyReason();
    String ok = readiness.warning().map(warning -> "ok, but " + warning).orElse("ok");
    Responses.text(exchange, reason.isEmpty() ? 200 : 503, reason.orElse(ok));
  }

  private void runs(HttpExchange exchange) throws IOException {
    ArrayNode runs = JsonNodeFactory.instance.arrayNode();
    board.runs().values().forEach(run -> runs.add(FiguresJson.of(run)));
    Responses.json(exchange, runs);
  }

  private void run(HttpExchange exchange, String rest) throws IOException {
    int slash = rest.indexOf('/');
    String name = slash < 0 ? rest : rest.substring(0, slash);
    String what = slash < 0 ? "" : rest.substring(slash + 1);
    Optional<RunSnapshot> run = board.run(name);
    if (run.isEmpty()) {
      Responses.problem(exchange, 404, "Not Found", "no run '" + name + "' is known");
      return;
    }
    switch (what) {
      case "" -> Responses.json(exchange, FiguresJson.of(run.get()));
      case "history" -> Responses.json(exchange, FiguresJson.of(name, board.history(name)));
      case "diagonal.safetensors" -> diagonal(exchange, name);
      default -> notFound(exchange);
    }
  }

  private void diagonal(HttpExchange exchange, String run) throws IOException {
    Lazy out = new Lazy(exchange);
    if (!diagonals.writeTo(run, out)) {
      Responses.problem(exchange, 404, "Not Found", "run '" + run + "' keeps no diagonal");
      return;
    }
    out.close();
  }

  /** Sends its headers with the first byte, so that "there is none" can still be a 404. */
  private static final class Lazy extends FilterOutputStream {

    private final HttpExchange exchange;
    private boolean begun;

    Lazy(HttpExchange exchange) {
      super(OutputStream.nullOutputStream());
      this.exchange = exchange;
    }

    private void begin() throws IOException {
      if (!begun) {
        begun = true;
        exchange.getResponseHeaders().set("Content-Type", "application/vnd.safetensors");
        boolean head = exchange.getRequestMethod().equals("HEAD");
        exchange.sendResponseHeaders(200, head ? -1 : 0);
        out = head ? OutputStream.nullOutputStream() : exchange.getResponseBody();
      }
    }

    @Override
    public void write(int value) throws IOException {
      begin();
      out.write(value);
    }

    @Override
    public void write(byte[] bytes, int from, int length) throws IOException {
      begin();
      out.write(bytes, from, length);
    }
  }

  private void stream(HttpExchange exchange) throws IOException {
    if (streams.size() >= MOST_STREAMS) {
      Responses.problem(
          exchange, 503, "Service Unavailable", MOST_STREAMS + " streams are open already");
      return;
    }
    SnapshotStream stream = new SnapshotStream();
    streams.add(stream);
    try {
      stream.serve(exchange, board);
    } finally {
      streams.remove(stream);
    }
  }

  private void file(HttpExchange exchange, String name) throws IOException {
    if (!FILES.contains(name)) {
      notFound(exchange);
      return;
    }
    try (InputStream in = WebServer.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new IllegalStateException(name + " is missing from the jar");
      }
      String type = TYPES.getOrDefault(name.substring(name.lastIndexOf('.') + 1), "text/plain");
      Responses.send(exchange, 200, type, in.readAllBytes());
    }
  }

  private static void notFound(HttpExchange exchange) throws IOException {
    Responses.problem(
        exchange, 404, "Not Found", exchange.getRequestURI().getPath() + " is not served");
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
    streams.forEach(SnapshotStream::stop);
    server.stop(0);
    threads.shutdownNow();
  }
}
