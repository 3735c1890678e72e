package io.fisherwatch.observability;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.fisherwatch.demo.Scenario;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A real Prometheus scrapes a real demo: what dashboards and alerts ask has an answer. */
@Timeout(300)
class PrometheusIT {

  private static final long PATIENCE_SECONDS = 180;

  /**
   * What a healthy demo has no answer to, and must not have: an agent that is missing, and the
   * imbalance of a head and an embedding, of which the digits' network has none.
   */
  private static final Set<String> WITHOUT_ANSWER =
      Set.of("absent(up{job=\"fisherwatch\"})", "run:fisher_trace:imbalance_decades");

  @TempDir private static Path folder;
  private static Stack stack;
  private static RunningDemo demo;

  @BeforeAll
  static void start() throws Exception {
    Tool.find("prometheus");
    int port = Stack.freePort();
    demo = new RunningDemo(folder.resolve("demo"), port, Scenario.HEALTHY, Optional.empty());
    stack = new Stack(folder, port, Stack.freePort());
    stack.startPrometheus();
  }

  @AfterAll
  static void stop() {
    if (stack != null) {
      stack.close();
    }
    if (demo != null) {
      demo.close();
    }
  }

  /** Asks until everything has been answered once, and names what has not. */
  private static void assertAnswered(Map<String, String> queries) throws Exception {
    Map<String, String> open = new LinkedHashMap<>(queries);
    long end = System.nanoTime() + PATIENCE_SECONDS * 1_000_000_000L;
    while (!open.isEmpty() && System.nanoTime() < end) {
      demo.check();
      for (String query : Set.copyOf(open.keySet())) {
        JsonNode answer = stack.query(query);
        if (!answer.isEmpty() && !isNaN(answer)) {
          open.remove(query);
        }
      }
      Thread.sleep(500);
    }
    assertThat(open).as("queries without an answer").isEmpty();
  }

  private static boolean isNaN(JsonNode answer) {
    for (JsonNode series : answer) {
      if (!series.path("value").path(1).asText().equals("NaN")) {
        return false;
      }
    }
    return true;
  }

  @Test
  void panels_ofEveryDashboard_haveData() throws Exception {
    Map<String, String> queries = new LinkedHashMap<>();
    for (Dashboard dashboard : Dashboard.all()) {
      for (Dashboard.Query query : dashboard.queries()) {
        queries.put(query.filledIn("digits", Stack.WINDOW), query.where());
      }
      for (Dashboard.Query query : dashboard.annotations()) {
        queries.put(query.filledIn("digits", Stack.WINDOW), query.where());
      }
    }
    assertThat(queries).hasSizeGreaterThan(80);
    assertAnswered(queries);
  }

  @Test
  void operands_ofEveryAlert_haveData() throws Exception {
    Map<String, String> operands = new LinkedHashMap<>();
    for (Rules.Alert alert : Rules.alerts()) {
      alert.operands().forEach(operand -> operands.put(operand, alert.name()));
    }
    assertThat(operands).containsKeys(WITHOUT_ANSWER.toArray(String[]::new));
    operands.keySet().removeAll(WITHOUT_ANSWER);
    assertAnswered(operands);
    for (String operand : WITHOUT_ANSWER) {
      assertThat(stack.query(operand)).as(operand).isEmpty();
    }
  }
}
