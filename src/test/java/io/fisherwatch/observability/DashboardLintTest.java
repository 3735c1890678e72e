package io.fisherwatch.observability;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The rules of grafana/dashboard-linter, by their names there, that apply; those about job and
 * instance do not, for the reasons in {@code grafana/.lint}. Whether queries are valid and return
 * something is {@link PrometheusIT}'s.
 */
class DashboardLintTest {

  /** Of Grafana's units, those that the dashboards need. */
  private static final Set<String> UNITS =
      Set.of("none", "short", "sci", "percentunit", "s", "bytes", "ops", "cps");

  private static final Pattern COUNTER = Pattern.compile("\\w+_total\\b");
  private static final Pattern RATED_COUNTER =
      Pattern.compile("(?:rate|irate|increase)\\(\\w+_total(?:\\{[^}]*})?\\[");
  private static final Pattern RATE_RANGE =
      Pattern.compile("\\bi?rate\\(\\w+(?:\\{[^}]*})?\\[([^]]*)]");
  private static final Pattern VARIABLE = Pattern.compile("\\$([a-z]+)");

  static Stream<Dashboard> dashboards() throws IOException {
    List<Dashboard> all = Dashboard.all();
    assertThat(all).hasSize(5);
    return all.stream();
  }

  @ParameterizedTest
  @MethodSource("dashboards")
  void dashboard_itself_isFixedAndUneditable(Dashboard dashboard) {
    JsonNode json = dashboard.json();
    assertThat(json.path("schemaVersion").asInt()).isEqualTo(39);
    assertThat(json.path("uid").asText()).matches("fisherwatch-[a-z]+");
    assertThat(json.path("title").asText()).startsWith("Fisherwatch / ");
    assertThat(json.path("description").asText()).isNotEmpty();
    assertThat(json.path("editable").asBoolean(true)).as("uneditable-dashboard").isFalse();
  }

  @ParameterizedTest
  @MethodSource("dashboards")
  void variables_follow_theRules(Dashboard dashboard) {
    List<JsonNode> sources = dashboard.variables("datasource");
    assertThat(sources).as("template-datasource-rule").hasSize(1);
    assertThat(sources.get(0).path("name").asText()).isEqualTo("datasource");
    assertThat(sources.get(0).path("label").asText()).isEqualTo("Data source");
    for (JsonNode variable : dashboard.variables("query")) {
      assertThat(variable.path("refresh").asInt())
          .as("template-on-time-change-reload-rule: %s", variable.path("name"))
          .isEqualTo(2);
      assertThat(variable.path("query").path("query").asText())
          .as("template-label-promql-rule")
          .matches("label_values\\(\\w+(\\{.*})?, \\w+\\)");
    }
  }

  @ParameterizedTest
  @MethodSource("dashboards")
  void queries_useOnly_variablesOfTheDashboard(Dashboard dashboard) {
    Set<String> names = new HashSet<>();
    dashboard.variables("query").forEach(variable -> names.add(variable.path("name").asText()));
    for (Dashboard.Query query : dashboard.queries()) {
      Matcher variable = VARIABLE.matcher(query.text());
      while (variable.find()) {
        assertThat(names).as(query.where()).contains(variable.group(1));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("dashboards")
  void panels_follow_theRules(Dashboard dashboard) {
    Set<Integer> ids = new HashSet<>();
    for (JsonNode panel : dashboard.panels()) {
      String title = dashboard.file() + ": " + panel.path("title").asText();
      assertThat(panel.path("title").asText()).as("panel-title-description-rule").isNotEmpty();
      assertThat(panel.path("description").asText())
          .as("panel-title-description-rule: %s", title)
          .isNotEmpty();
      assertThat(panel.path("datasource").path("uid").asText())
          .as("panel-datasource-rule: %s", title)
          .isEqualTo("${datasource}");
      assertThat(panel.path("targets")).as("panel-no-targets-rule: %s", title).isNotEmpty();
      assertThat(panel.path("fieldConfig").path("defaults").path("unit").asText())
          .as("panel-units-rule: %s", title)
          .isIn(UNITS);
      assertThat(ids.add(panel.path("id").asInt())).as("its own id: %s", title).isTrue();
    }
  }

  @ParameterizedTest
  @MethodSource("dashboards")
  void panels_onTheGrid_doNotOverlap(Dashboard dashboard) {
    Set<String> taken = new HashSet<>();
    for (JsonNode panel : dashboard.panels()) {
      JsonNode place = panel.path("gridPos");
      int right = place.path("x").asInt() + place.path("w").asInt();
      int bottom = place.path("y").asInt() + place.path("h").asInt();
      assertThat(right).as(panel.path("title").asText()).isLessThanOrEqualTo(24);
      for (int x = place.path("x").asInt(); x < right; x++) {
        for (int y = place.path("y").asInt(); y < bottom; y++) {
          assertThat(taken.add(x + "/" + y)).as(panel.path("title").asText()).isTrue();
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("dashboards")
  void queries_ofCounters_areRatesOverTheRateInterval(Dashboard dashboard) {
    for (Dashboard.Query query : dashboard.queries()) {
      String labels = Pattern.compile("\"[^\"]*\"").matcher(query.text()).replaceAll("\"\"");
      assertThat(count(COUNTER, labels))
          .as("target-counter-agg-rule: %s: %s", query.where(), query.text())
          .isEqualTo(count(RATED_COUNTER, labels));
      Matcher range = RATE_RANGE.matcher(query.text());
      while (range.find()) {
        assertThat(range.group(1))
            .as("target-rate-interval-rule: %s", query.where())
            .isEqualTo("$__rate_interval");
      }
    }
  }

  private static long count(Pattern pattern, String text) {
    return pattern.matcher(text).results().count();
  }
}
