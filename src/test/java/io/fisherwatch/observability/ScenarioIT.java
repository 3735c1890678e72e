package io.fisherwatch.observability;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.fisherwatch.demo.Scenario;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Trouble in the demo's training fires the alert that the runbooks' table expects. */
@Timeout(600)
class ScenarioIT {

  private static final boolean CI = "1".equals(System.getenv("FISHERWATCH_CI"));
  private static final boolean SOAK = "1".equals(System.getenv("FISHERWATCH_SOAK"));
  private static final Set<Scenario> IN_CI =
      EnumSet.of(Scenario.LABEL_NOISE, Scenario.COLLAPSE, Scenario.IMBALANCE);

  private static final long PATIENCE_SECONDS = 240;
  private static final long AFTERMATH_MILLIS = 15_000;
  private static final String FIRED =
      "count by (alertname) (count_over_time(ALERTS{alertstate=\"firing\", category=\"health\"}[1h]))";
  private static final Pattern ALERT = Pattern.compile("\\bFisher[A-Za-z]+");

  @TempDir private Path folder;

  /** A row of the table: what is expected, and what may fire along with it. */
  private record Row(String expected, Set<String> inhibited) {

    static Row of(Scenario scenario) throws Exception {
      String line =
          Files.readAllLines(Path.of("docs/runbooks/README.md")).stream()
              .filter(row -> row.startsWith("| `" + scenario.label() + "`"))
              .findFirst()
              .orElseThrow();
      List<String> cells = Arrays.asList(line.split("\\|", -1));
      Set<String> inhibited = names(cells.get(3));
      if (cells.get(3).contains("every health alert that rests on an estimate")) {
        for (Rules.Alert alert : Rules.alerts()) {
          JsonNode labels = alert.json().path("labels");
          if (labels.path("category").asText().equals("health")
              && labels.path("basis").asText().equals("estimate")) {
            inhibited.add(alert.name());
          }
        }
      }
      return new Row(names(cells.get(2)).iterator().next(), inhibited);
    }

    private static Set<String> names(String text) {
      Set<String> names = new TreeSet<>();
      Matcher name = ALERT.matcher(text);
      while (name.find()) {
        names.add(name.group());
      }
      return names;
    }
  }

  private static Set<String> fired(Stack stack) throws Exception {
    Set<String> names = new TreeSet<>();
    for (JsonNode series : stack.query(FIRED)) {
      names.add(series.path("metric").path("alertname").asText());
    }
    return names;
  }

  /** Three in CI, since each takes a minute, all when soaking. */
  @ParameterizedTest
  @EnumSource(value = Scenario.class, mode = EnumSource.Mode.EXCLUDE, names = "HEALTHY")
  void trouble_firesItsAlert_andOnlyThoseThatItInhibits(Scenario scenario) throws Exception {
    boolean wanted = SOAK || (CI && IN_CI.contains(scenario));
    assumeTrue(
        wanted, "takes a minute: set FISHERWATCH_SOAK=1 (FISHERWATCH_CI=1 runs " + IN_CI + ")");
    Tool.find("prometheus");
    Row row = Row.of(scenario);
    int port = Stack.freePort();
    try (Stack stack = new Stack(folder, port, Stack.freePort());
        RunningDemo demo =
            new RunningDemo(folder.resolve("demo"), port, scenario, Optional.empty())) {
      stack.startPrometheus();
      Set<String> fired = fired(stack);
      long end = System.nanoTime() + PATIENCE_SECONDS * 1_000_000_000L;
      while (!fired.contains(row.expected()) && System.nanoTime() < end) {
        demo.check();
        if (stack.query("fisher_checkpoint_step >= " + Scenario.ONSET).isEmpty()) {
          assertThat(fired).as("before the onset").isEmpty();
        }
        Thread.sleep(1000);
        fired = fired(stack);
      }
      assertThat(fired).as(scenario.label()).contains(row.expected());
      Thread.sleep(AFTERMATH_MILLIS);
      Set<String> others = fired(stack);
      others.remove(row.expected());
      assertThat(row.inhibited()).as("fired beside %s", row.expected()).containsAll(others);
    }
  }

  @Test
  void healthyDemo_over1000Steps_firesNone() throws Exception {
    assumeTrue(SOAK, "takes minutes: set FISHERWATCH_SOAK=1");
    Tool.find("prometheus");
    int port = Stack.freePort();
    try (Stack stack = new Stack(folder, port, Stack.freePort());
        RunningDemo demo =
            new RunningDemo(folder.resolve("demo"), port, Scenario.HEALTHY, Optional.of(1000L))) {
      stack.startPrometheus();
      while (stack.query("fisher_checkpoint_step >= 1000").isEmpty()) {
        demo.check();
        assertThat(fired(stack)).isEmpty();
        Thread.sleep(1000);
      }
      assertThat(fired(stack)).isEmpty();
    }
  }
}
