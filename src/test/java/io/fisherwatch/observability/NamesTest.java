package io.fisherwatch.observability;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.fisherwatch.prometheus.MetricNames;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Names in dashboards, rules and documentation are those of the code, and the other way round. */
class NamesTest {

  private static final Set<String> CODED =
      MetricNames.all().stream()
          .map(MetricNames.Family::name)
          .collect(Collectors.toCollection(TreeSet::new));

  private static String text(Path folder) throws IOException {
    StringBuilder all = new StringBuilder();
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.filter(Files::isRegularFile).sorted().toList()) {
        all.append(Files.readString(file)).append('\n');
      }
    }
    return all.toString();
  }

  /** Families whose names a table of the documentation gives. */
  private static Set<String> documented() throws IOException {
    String rows =
        Files.readString(Path.of("docs/metrics.md"))
            .lines()
            .filter(line -> line.startsWith("| `fisher"))
            .map(line -> line.substring(0, line.indexOf('|', 1)))
            .collect(Collectors.joining("\n"));
    return Rules.exported(rows);
  }

  @Test
  void metrics_ofDashboardsAndRules_exist() throws IOException {
    assertThat(CODED).containsAll(Rules.exported(text(Dashboard.FOLDER)));
    assertThat(CODED).containsAll(Rules.exported(text(Rules.FOLDER)));
  }

  @Test
  void metrics_ofTheCode_areDocumentedAndShown() throws IOException {
    assertThat(documented()).isEqualTo(CODED);
    StringBuilder queries = new StringBuilder();
    for (Dashboard dashboard : Dashboard.all()) {
      dashboard.queries().forEach(query -> queries.append(query.text()).append('\n'));
    }
    for (JsonNode rule : Rules.of("recording.yaml", "record")) {
      queries.append(rule.path("expr").asText()).append('\n');
    }
    assertThat(Rules.exported(queries.toString())).isEqualTo(CODED);
  }

  @Test
  void recordedSeries_areUsed_andThoseUsedAreRecorded() throws IOException {
    List<JsonNode> rules = Rules.of("recording.yaml", "record");
    TreeSet<String> recorded = new TreeSet<>();
    StringBuilder users = new StringBuilder(text(Dashboard.FOLDER));
    for (JsonNode rule : rules) {
      recorded.add(rule.path("record").asText());
      users.append(rule.path("expr").asText()).append('\n');
    }
    for (Rules.Alert alert : Rules.alerts()) {
      users.append(alert.expression()).append('\n');
    }
    assertThat(Rules.recorded(users.toString())).isEqualTo(recorded);
  }

  @Test
  void everyAlert_hasLabelsAnnotationsRunbookAndTests() throws IOException {
    String table = Files.readString(Path.of("docs/runbooks/README.md"));
    Set<String> pages = names(Path.of("docs/runbooks"), ".md");
    pages.remove("README");
    TreeSet<String> alerts = new TreeSet<>();
    for (Rules.Alert alert : Rules.alerts()) {
      alerts.add(alert.name());
      JsonNode labels = alert.json().path("labels");
      assertThat(labels.path("severity").asText()).isIn("critical", "warning", "none");
      assertThat(labels.path("category").asText()).isIn("health", "estimate", "tool");
      assertThat(labels.path("basis").asText()).isIn("exact", "estimate");
      JsonNode annotations = alert.json().path("annotations");
      assertThat(annotations.path("summary").asText()).as(alert.name()).isNotEmpty();
      assertThat(annotations.path("description").asText()).as(alert.name()).isNotEmpty();
      assertThat(annotations.path("runbook_url").asText())
          .isEqualTo("docs/runbooks/" + alert.name() + ".md");
      assertThat(table).contains("(" + alert.name() + ".md)");
      assertThat(Files.readString(Path.of("docs/runbooks/" + alert.name() + ".md")))
          .as(alert.name())
          .startsWith("# " + alert.name() + "\n")
          .contains(
              "## What it means",
              "## How it is computed",
              "## Look first at",
              "## Usual causes",
              "## What to do",
              "## When to silence");
      assertThat(testNames(alert.name())).as(alert.name()).hasSize(3);
      assertThat(testNames(alert.name()).get(0)).isEqualTo("fires");
      assertThat(testNames(alert.name()).get(1)).startsWith("does not fire");
      assertThat(testNames(alert.name()).get(2)).isEqualTo("resolves");
    }
    assertThat(pages).isEqualTo(alerts);
    assertThat(names(Rules.FOLDER.resolve("tests"), ".yaml")).isEqualTo(alerts);
  }

  @Test
  void alertmanager_inhibitsOnly_alertsThatExist() throws IOException {
    TreeSet<String> alerts = new TreeSet<>();
    Rules.alerts().forEach(alert -> alerts.add(alert.name()));
    String text = Files.readString(Rules.FOLDER.resolve("alertmanager.yaml"));
    TreeSet<String> named = new TreeSet<>();
    java.util.regex.Matcher name =
        java.util.regex.Pattern.compile("\\bFisher[A-Za-z]+").matcher(text);
    while (name.find()) {
      named.add(name.group());
    }
    assertThat(alerts).containsAll(named);
  }

  private static List<String> testNames(String alert) throws IOException {
    JsonNode tests = Rules.yaml(Rules.FOLDER.resolve("tests/" + alert + ".yaml")).path("tests");
    return tests.findValuesAsText("name");
  }

  private static Set<String> names(Path folder, String ending) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> name.endsWith(ending))
          .map(name -> name.substring(0, name.length() - ending.length()))
          .collect(Collectors.toCollection(TreeSet::new));
    }
  }
}
