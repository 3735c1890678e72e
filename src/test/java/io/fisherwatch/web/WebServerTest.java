package io.fisherwatch.web;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fisherwatch.snapshot.AgentActivity;
import io.fisherwatch.snapshot.SnapshotBoard;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.Socket;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class WebServerTest {

  private Optional<String> reason = Optional.empty();
  private final AgentActivity activity =
      new AgentActivity(Map.of("batch", Map.of("processed", 3L)), OptionalDouble.empty(), 7);
  private final SnapshotBoard board = new SnapshotBoard(10);
  private final SimulatedRuns runs = new SimulatedRuns(() -> 1_000_000L);
  private final SimulatedOwners owners = new SimulatedOwners();
  private volatile boolean broken;
  private WebServer server;

  @BeforeEach
  void start() throws Exception {
    server =
        WebServer.start(
            new WebSettings("127.0.0.1", 0),
            board,
            (run, out) -> false,
            exchange -> {
              if (broken) {
                throw new IllegalStateException("a scrape that fails");
              }
              Responses.text(exchange, 200, "metrics");
            },
            () -> reason,
            () -> activity,
            owners);
  }

  @AfterEach
  void stop() {
    server.close();
  }

  /** Sends a request as it is written; the whole answer. */
  private String ask(String method, String path, String host) throws Exception {
    try (Socket socket = new Socket(java.net.InetAddress.getLoopbackAddress(), server.port())) {
      OutputStream out = socket.getOutputStream();
      String request =
          method + " " + path + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n";
      out.write(request.getBytes(StandardCharsets.US_ASCII));
      out.flush();
      return new BufferedReader(
              new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8))
          .lines()
          .collect(Collectors.joining("\n"));
    }
  }

  private String get(String path) throws Exception {
    return ask("GET", path, "localhost:1");
  }

  private JsonNode partitions() throws Exception {
    String answer = get("/api/partitions");
    assertThat(answer).startsWith("HTTP/1.1 200").contains("application/json");
    return new ObjectMapper().readTree(answer.substring(answer.indexOf("{")));
  }

  @Test
  void partitions_ofAGroup_tellOwnersLagAndRuns() throws Exception {
    JsonNode json = partitions();
    assertThat(json.get("topic").asText()).isEqualTo("events");
    assertThat(json.get("group").asText()).isEqualTo("watchers");
    assertThat(json.get("state").asText()).isEqualTo("Stable");
    assertThat(json.get("ageSeconds").asDouble()).isEqualTo(0.5);
    assertThat(json.get("trouble").isNull()).isTrue();
    assertThat(json.get("partitions")).hasSize(6);
    JsonNode first = json.get("partitions").get(0);
    assertThat(first.get("owner"))
        .isEqualTo(
            new ObjectMapper()
                .readTree(
                    """
                    {"memberId": "member-0-000000", "clientId": "consumer-1", "host": "10.0.0.0",
                     "instanceId": null, "thisAgent": true}
                    """));
    assertThat(first.get("lag").asLong()).isEqualTo(1200);
    assertThat(first.get("runs").get(0).get("step").asLong()).isEqualTo(40);
    assertThat(first.get("runs").get(1).get("step").isNull()).isTrue();
    assertThat(first.get("runs").get(1).get("ended").asBoolean()).isTrue();
    assertThat(json.get("partitions").get(1).get("owner").get("thisAgent").asBoolean()).isFalse();
    assertThat(json.get("partitions").get(4).get("lag").isNull()).as("nobody could say").isTrue();
    assertThat(json.get("partitions").get(5).get("owner").isNull()).as("nobody's").isTrue();
  }

  @Test
  void partitions_brokerAway_areTheLastKnownWithTheirAge() throws Exception {
    owners.become(2, 75, "no answer");
    assertThat(partitions().get("ageSeconds").asDouble()).isEqualTo(75);
    assertThat(partitions().get("trouble").asText()).isEqualTo("no answer");
  }

  @Test
  void partitions_neverKnown_areAProblem() throws Exception {
    owners.become(0, 0, "no answer");
    assertThat(get("/api/partitions"))
        .startsWith("HTTP/1.1 503")
        .contains("application/problem+json", "\"detail\":\"no answer\"");
  }

  @Test
  void partitions_ofWhatIsInNoGroup_areNotServed() throws Exception {
    server.close();
    server =
        WebServer.start(
            new WebSettings("127.0.0.1", 0),
            board,
            (run, out) -> false,
            exchange -> Responses.text(exchange, 200, "metrics"),
            () -> reason,
            () -> activity);
    assertThat(get("/api/partitions")).startsWith("HTTP/1.1 404");
  }

  @Test
  void page_andItsFiles_areServedWithoutTheRightToRunOthers() throws Exception {
    assertThat(get("/")).startsWith("HTTP/1.1 200").contains("Content-security-policy:");
    assertThat(get("/app.js")).contains("text/javascript");
    assertThat(get("/../app.js")).startsWith("HTTP/1.1 404");
    assertThat(get("/WebServer.class")).startsWith("HTTP/1.1 404");
  }

  @Test
  void page_mayRunAndStyleOnlyItsOwnFiles() throws Exception {
    assertThat(get("/"))
        .contains("script-src 'self'; style-src 'self'; connect-src 'self'")
        .doesNotContain("unsafe-inline");
  }

  @Test
  void page_filesServed_areThoseThatThereAre() throws Exception {
    Path folder =
        Path.of(Objects.requireNonNull(WebServer.class.getResource("index.html")).toURI())
            .getParent();
    try (Stream<Path> files = Files.list(Objects.requireNonNull(folder))) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .filteredOn(name -> !name.endsWith(".class") && !name.endsWith(".txt"))
          .containsExactlyInAnyOrderElementsOf(PageFiles.NAMES);
    }
  }

  @Test
  void page_all_isUnder300kB() throws Exception {
    int size = 0;
    for (String file : PageFiles.NAMES) {
      size += get("/" + file).length();
    }
    assertThat(size).isLessThan(300_000);
  }

  @Test
  void agent_tellsWhatItDidAndWhetherItIsReady() throws Exception {
    assertThat(get("/api/agent"))
        .endsWith(
            "{\"ready\":true,\"reason\":null,\"lag\":7,\"meanHandleSeconds\":null,"
                + "\"events\":{\"batch\":{\"processed\":3}}}");
    reason = Optional.of("no broker");
    assertThat(get("/api/agent")).contains("\"ready\":false,\"reason\":\"no broker\"");
  }

  private JsonNode json(String path) throws Exception {
    String answer = get(path);
    assertThat(answer).startsWith("HTTP/1.1 200");
    return new ObjectMapper().readTree(answer.substring(answer.indexOf("\n\n")));
  }

  private void publish(int count) {
    for (int i = 0; i < count; i++) {
      board.published(runs.next("r", 3, 0));
    }
  }

  @Test
  void run_tellsWhatTheEstimatorChoseAndWhy() throws Exception {
    publish(1);
    assertThat(json("/api/runs/r").path("reason").asText()).startsWith("micro-batch 4");
    assertThat(json("/api/runs/r").path("path").asText()).isEqualTo("plain");
  }

  @Test
  void history_isWholeUnlessNarrowed() throws Exception {
    publish(9);
    JsonNode whole = json("/api/runs/r/history").path("points");
    assertThat(whole).hasSize(9);
    assertThat(whole.get(0).path("layers")).hasSize(4);
    JsonNode narrowed = json("/api/runs/r/history?layer=block.2.out&points=4").path("points");
    assertThat(narrowed.findValuesAsText("batchStep")).containsExactly("1", "3", "6", "9");
    assertThat(narrowed.findValuesAsText("layer")).containsOnly("block.2.out");
  }

  @Test
  void history_hasTheDensityOfTheWholeModelOnly() throws Exception {
    publish(2);
    JsonNode layers = json("/api/runs/r/history").path("points").path(1).path("layers");
    assertThat(layers.path(0).path("density").path("zero").asDouble()).isEqualTo(0.1);
    assertThat(layers.path(1).has("density")).isFalse();
  }

  @Test
  void traces_areColumnsOfTheLatestAttempt() throws Exception {
    publish(5);
    runs.beginAgain("r");
    publish(3);
    JsonNode traces = json("/api/runs/r/traces");
    assertThat(traces.path("steps")).hasToString("[1,2,3]");
    assertThat(traces.path("layers").path("_total")).hasSize(3);
    assertThat(traces.path("layers").size()).isEqualTo(4);
    assertThat(json("/api/runs/r/traces?points=2").path("steps")).hasToString("[1,3]");
  }

  @Test
  void queries_thatMakeNoSense_areRefused() throws Exception {
    publish(1);
    for (String query : new String[] {"points=1", "points=many", "points=-3", "points="}) {
      assertThat(get("/api/runs/r/history?" + query))
          .as(query)
          .startsWith("HTTP/1.1 400")
          .contains("application/problem+json");
    }
  }

  /** The first lines of a stream that tell of events. */
  private List<String> events(String path, int count) throws Exception {
    URL url = new URL("http://localhost:" + server.port() + path);
    HttpURLConnection connection = (HttpURLConnection) url.openConnection();
    connection.setReadTimeout(10_000);
    try (BufferedReader lines =
        new BufferedReader(
            new InputStreamReader(connection.getInputStream(), StandardCharsets.UTF_8))) {
      return lines
          .lines()
          .filter(line -> line.startsWith("event:") || line.startsWith("data:"))
          .limit(count)
          .toList();
    } finally {
      connection.disconnect();
    }
  }

  @Test
  void stream_ofAllRuns_tellsOfEveryLayer() throws Exception {
    publish(1);
    List<String> events = events("/api/stream", 2);
    assertThat(events.get(0)).isEqualTo("event: snapshot");
    assertThat(events.get(1)).contains("block.2.out");
  }

  @Test
  void stream_ofOneRun_tellsOfTheOthersInShort() throws Exception {
    publish(1);
    board.published(runs.next("s", 3, 0));
    List<String> events = events("/api/stream?run=s", 6);
    assertThat(events.subList(0, 2)).containsExactly("event: runs", "data: [\"r\",\"s\"]");
    assertThat(events.get(2)).isEqualTo("event: summary");
    assertThat(events.get(3)).contains("\"run\":\"r\"", "_total").doesNotContain("block.2.out");
    assertThat(events.get(4)).isEqualTo("event: snapshot");
    assertThat(events.get(5)).contains("\"run\":\"s\"", "block.2.out");
  }

  @Test
  void health_tellsTheReason() throws Exception {
    assertThat(get("/livez")).startsWith("HTTP/1.1 200");
    assertThat(get("/readyz")).startsWith("HTTP/1.1 200");
    reason = Optional.of("no broker");
    assertThat(get("/readyz")).startsWith("HTTP/1.1 503").contains("no broker");
  }

  @Test
  void runs_unknown_areAProblem() throws Exception {
    assertThat(get("/api/runs")).endsWith("[]");
    for (String path : new String[] {"/api/runs/x", "/api/runs/x/history", "/api/nothing"}) {
      assertThat(get(path)).startsWith("HTTP/1.1 404").contains("application/problem+json");
    }
  }

  @Test
  void answer_thatFails_isA500() throws Exception {
    broken = true;
    assertThat(get("/metrics")).startsWith("HTTP/1.1 500").doesNotContain("a scrape that fails");
    broken = false;
    assertThat(get("/metrics")).startsWith("HTTP/1.1 200").contains("metrics");
  }

  @Test
  void requests_otherThanReading_areRefused() throws Exception {
    assertThat(ask("POST", "/api/runs", "localhost")).startsWith("HTTP/1.1 405");
    assertThat(ask("HEAD", "/api/runs", "localhost"))
        .startsWith("HTTP/1.1 200")
        .doesNotContain("[]");
  }

  @Test
  void requests_forAnotherHost_areRefused() throws Exception {
    assertThat(ask("GET", "/api/runs", "evil.example")).startsWith("HTTP/1.1 403");
  }
}
