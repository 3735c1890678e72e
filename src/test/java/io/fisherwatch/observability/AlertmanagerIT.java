package io.fisherwatch.observability;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpServer;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** From a rule to a receiver: Prometheus, Alertmanager and a webhook. */
@Timeout(90)
class AlertmanagerIT {

  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private Path folder;
  private final BlockingQueue<JsonNode> received = new LinkedBlockingQueue<>();
  private HttpServer webhook;
  private Stack stack;

  @BeforeEach
  void start() throws Exception {
    webhook = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    webhook.createContext(
        "/alerts",
        exchange -> {
          try (InputStream body = exchange.getRequestBody()) {
            received.add(JSON.readTree(body));
          }
          exchange.sendResponseHeaders(200, -1);
          exchange.close();
        });
    webhook.start();
    // Nothing listens where the agent should be.
    stack = new Stack(folder, Stack.freePort(), webhook.getAddress().getPort());
    stack.startAlertmanager();
  }

  @AfterEach
  void stop() throws Exception {
    if (stack != null) {
      stack.close();
    }
    webhook.stop(0);
  }

  private static String alert(String name, String run) throws Exception {
    Rules.Alert rule =
        Rules.alerts().stream()
            .filter(alert -> alert.name().equals(name))
            .findFirst()
            .orElseThrow();
    Map<String, String> labels = new TreeMap<>();
    rule.json()
        .path("labels")
        .properties()
        .forEach(e -> labels.put(e.getKey(), e.getValue().asText()));
    labels.put("alertname", name);
    labels.put("job", "fisherwatch");
    labels.put("instance", "a:8088");
    labels.put("run", run);
    return JSON.writeValueAsString(Map.of("labels", labels));
  }

  @Test
  void agentThatIsAway_reachesTheWebhook_withItsRunbook() throws Exception {
    stack.startPrometheus();
    JsonNode message = received.poll(60, TimeUnit.SECONDS);
    assertThat(message).as("a message within a minute").isNotNull();
    assertThat(message.path("status").asText()).isEqualTo("firing");
    JsonNode alert = message.path("alerts").path(0);
    assertThat(alert.path("labels").path("alertname").asText()).isEqualTo("FisherwatchAgentDown");
    assertThat(alert.path("annotations").path("runbook_url").asText())
        .isEqualTo("docs/runbooks/FisherwatchAgentDown.md");
  }

  @Test
  void healthAlerts_whileTheEstimateIsImprecise_areInhibited() throws Exception {
    stack.post(
        "[%s, %s, %s]"
            .formatted(
                alert("FisherEstimateImprecise", "imprecise"),
                alert("FisherExplosion", "imprecise"),
                alert("FisherExplosion", "precise")));
    JsonNode message = received.poll(30, TimeUnit.SECONDS);
    assertThat(message).isNotNull();
    assertThat(message.path("groupLabels").path("run").asText()).isEqualTo("precise");
    Map<String, String> states = new TreeMap<>();
    for (JsonNode alert : stack.alerts()) {
      JsonNode labels = alert.path("labels");
      states.put(
          labels.path("alertname").asText() + " " + labels.path("run").asText(),
          alert.path("status").path("state").asText());
    }
    assertThat(states)
        .containsEntry("FisherExplosion imprecise", "suppressed")
        .containsEntry("FisherExplosion precise", "active");
    assertThat(received.poll(3, TimeUnit.SECONDS)).as("another message").isNull();
  }
}
