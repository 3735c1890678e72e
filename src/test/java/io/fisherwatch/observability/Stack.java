package io.fisherwatch.observability;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * A real Prometheus, and with it an Alertmanager, on the templates of {@code deploy/prometheus}
 * with minutes turned into seconds.
 */
final class Stack implements AutoCloseable {

  /** The window of rates, as rendered. */
  static final String WINDOW = "10s";

  private static final ObjectMapper JSON = new ObjectMapper();

  private final HttpClient http = HttpClient.newHttpClient();
  private final List<Process> servers = new ArrayList<>();
  private final Path folder;
  private final int prometheus = freePort();
  private final int alertmanager = freePort();

  /**
   * Renders the templates.
   *
   * @param folder where everything is kept
   * @param agent port that is scraped
   * @param webhook port that alerts go to
   */
  Stack(Path folder, int agent, int webhook) throws IOException, InterruptedException {
    this.folder = folder;
    Map<String, String> parameters = new TreeMap<>();
    parameters.put("evaluation", "1s");
    parameters.put("scrape", "1s");
    parameters.put("baseline", "4m");
    parameters.put("settle", "3s");
    parameters.put("warmup", "6s");
    parameters.put("window", WINDOW);
    parameters.put("health_for", "5s");
    parameters.put("tool_for", "5s");
    parameters.put("down_for", "2s");
    parameters.put("group_wait", "1s");
    parameters.put("group_interval", "1s");
    parameters.put("agent", "127.0.0.1:" + agent);
    parameters.put("alertmanager", "127.0.0.1:" + alertmanager);
    parameters.put("webhook", "http://127.0.0.1:" + webhook + "/alerts");
    List<String> arguments =
        new ArrayList<>(List.of("src/main/python/tools/make_rules.py", "--out", folder.toString()));
    parameters.forEach((name, value) -> arguments.addAll(List.of("--set", name + "=" + value)));
    Tool.Ended rendered = Tool.find("python3").run(arguments.toArray(String[]::new));
    assertThat(rendered.status()).as(rendered.output()).isZero();
  }

  static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    }
  }

  void startPrometheus() throws IOException, InterruptedException {
    servers.add(
        Tool.find("prometheus")
            .serve(
                folder.resolve("prometheus.log"),
                "--config.file=" + folder.resolve("prometheus.yaml"),
                "--storage.tsdb.path=" + folder.resolve("tsdb"),
                "--web.listen-address=127.0.0.1:" + prometheus));
    awaitReady(prometheus, "prometheus");
  }

  void startAlertmanager() throws IOException, InterruptedException {
    servers.add(
        Tool.find("prometheus-alertmanager", "alertmanager")
            .serve(
                folder.resolve("alertmanager.log"),
                "--config.file=" + folder.resolve("alertmanager.yaml"),
                "--storage.path=" + folder.resolve("alerts"),
                "--cluster.listen-address=",
                "--web.listen-address=127.0.0.1:" + alertmanager));
    awaitReady(alertmanager, "alertmanager");
  }

  private void awaitReady(int port, String name) throws IOException, InterruptedException {
    for (int attempt = 0; attempt < 150; attempt++) {
      try {
        if (get(port, "/-/ready").statusCode() == 200) {
          return;
        }
      } catch (java.net.ConnectException e) {
        // not listening yet
      }
      Thread.sleep(100);
    }
    throw new IllegalStateException(
        name + " is not ready: " + Files.readString(folder.resolve(name + ".log")));
  }

  /** The series that a query gives now, empty if there are none. */
  JsonNode query(String expression) throws IOException, InterruptedException {
    String path = "/api/v1/query?query=" + URLEncoder.encode(expression, StandardCharsets.UTF_8);
    HttpResponse<String> response = get(prometheus, path);
    assertThat(response.statusCode()).as("%s: %s", expression, response.body()).isEqualTo(200);
    return JSON.readTree(response.body()).path("data").path("result");
  }

  /** The alerts that Alertmanager knows. */
  JsonNode alerts() throws IOException, InterruptedException {
    return JSON.readTree(get(alertmanager, "/api/v2/alerts").body());
  }

  /** Hands Alertmanager an alert as Prometheus would. */
  void post(String alerts) throws IOException, InterruptedException {
    HttpRequest request =
        HttpRequest.newBuilder(uri(alertmanager, "/api/v2/alerts"))
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(alerts))
            .build();
    HttpResponse<String> response = http.send(request, HttpResponse.BodyHandlers.ofString());
    assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
  }

  private HttpResponse<String> get(int port, String path) throws IOException, InterruptedException {
    HttpRequest request = HttpRequest.newBuilder(uri(port, path)).build();
    return http.send(request, HttpResponse.BodyHandlers.ofString());
  }

  private static URI uri(int port, String path) {
    return URI.create("http://127.0.0.1:" + port + path);
  }

  @Override
  public void close() {
    servers.forEach(Process::destroy);
    servers.forEach(server -> server.onExit().join());
  }
}
