package io.fisherwatch.web;

import static org.assertj.core.api.Assertions.assertThat;

import io.fisherwatch.snapshot.AgentActivity;
import io.fisherwatch.snapshot.SnapshotBoard;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class WebServerTest {

  private Optional<String> reason = Optional.empty();
  private final AgentActivity activity =
      new AgentActivity(Map.of("batch", Map.of("processed", 3L)), OptionalDouble.empty(), 7);
  private WebServer server;

  @BeforeEach
  void start() throws Exception {
    server =
        WebServer.start(
            new WebSettings("127.0.0.1", 0),
            new SnapshotBoard(10),
            (run, out) -> false,
            exchange -> Responses.text(exchange, 200, "metrics"),
            () -> reason,
            () -> activity);
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

  @Test
  void page_andItsFiles_areServedWithoutTheRightToRunOthers() throws Exception {
    assertThat(get("/")).startsWith("HTTP/1.1 200").contains("Content-security-policy:");
    assertThat(get("/app.js")).contains("text/javascript");
    assertThat(get("/../app.js")).startsWith("HTTP/1.1 404");
    assertThat(get("/WebServer.class")).startsWith("HTTP/1.1 404");
  }

  @Test
  void page_all_isUnder300kB() throws Exception {
    int size = 0;
    for (String file : new String[] {"/", "/app.js", "/style.css", "/uplot.js", "/uplot.css"}) {
      size += get(file).length();
    }
    assertThat(size).isLessThan(300_000);
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
