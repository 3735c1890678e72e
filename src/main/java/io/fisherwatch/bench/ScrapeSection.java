package io.fisherwatch.bench;

import com.sun.net.httpserver.HttpServer;
import io.fisherwatch.prometheus.AgentMetrics;
import io.fisherwatch.snapshot.SnapshotBoard;
import io.fisherwatch.web.WebServer;
import io.fisherwatch.web.WebSettings;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.Optional;

/** A scrape of a thousand layers, against a server that sends the same bytes from memory. */
final class ScrapeSection implements Section {

  private static final int LAYERS = 1000;
  private static final String LOOPBACK = "127.0.0.1";

  @Override
  public String name() {
    return "scrape";
  }

  @Override
  public void run(Bench.Site site, Report.Part part) throws Exception {
    SnapshotBoard board = new SnapshotBoard(10);
    board.published(SampleRun.of(LAYERS));
    HttpClient client = HttpClient.newHttpClient();
    try (AgentMetrics metrics = new AgentMetrics(board, 1_000_000);
        WebServer server =
            WebServer.start(
                new WebSettings(LOOPBACK, 0),
                board,
                (run, out) -> false,
                metrics.handler(),
                Optional::empty,
                metrics::activity)) {
      byte[] body = get(client, server.port());
      HttpServer plain = plain(body);
      try {
        Rounds timed =
            site.rounds()
                .add("plain", () -> get(client, plain.getAddress().getPort()))
                .add("scrape", () -> get(client, server.port()))
                .run(site.preset().pick(3, 15, 50));
        long lines = new String(body, java.nio.charset.StandardCharsets.UTF_8).lines().count();
        part.add(
            new Table("layers", "lines", "size", "same bytes from memory", "scrape", "ratio")
                .row(
                    Numbers.of(LAYERS),
                    Numbers.of((double) lines),
                    Numbers.megabytes(body.length),
                    Numbers.seconds(timed.median("plain")),
                    Numbers.seconds(timed.median("scrape")),
                    timed.ratio("scrape", "plain").toString()));
        part.atMost("scrape of 1,000 layers", 50, 1e3 * timed.median("scrape"), " ms");
      } finally {
        plain.stop(0);
      }
    }
  }

  private static HttpServer plain(byte[] body) throws IOException {
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 8);
    server.createContext(
        "/",
        exchange -> {
          exchange.sendResponseHeaders(200, body.length);
          exchange.getResponseBody().write(body);
          exchange.close();
        });
    server.start();
    return server;
  }

  static byte[] get(HttpClient client, int port) throws IOException, InterruptedException {
    URI uri = URI.create("http://" + LOOPBACK + ":" + port + "/metrics");
    HttpResponse<byte[]> response =
        client.send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofByteArray());
    if (response.statusCode() != 200) {
      throw new IOException(uri + " answers " + response.statusCode());
    }
    return response.body();
  }
}
