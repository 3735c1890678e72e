package io.fisherwatch.observability;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The rules of Prometheus as they are checked in, and what can be read off their expressions. */
final class Rules {

  static final Path FOLDER = Path.of("deploy/prometheus");

  private static final Pattern RECORDED = Pattern.compile("[a-z]+:[a-z_]+:[a-z_]+");
  private static final Pattern EXPORTED = Pattern.compile("\\bfisher(?:watch)?_[a-z_]+");
  private static final Pattern SET_OPERATOR =
      Pattern.compile("\\s+(?:and|or|unless)\\s+(?:on \\([a-z, ]*\\)\\s+)?");
  private static final Pattern COMPARISON = Pattern.compile("\\s+(?:==|!=|>=?|<=?)\\s+");

  private Rules() {}

  /** An alert rule. */
  record Alert(String name, JsonNode json) {

    String expression() {
      return json.path("expr").asText();
    }

    /** What it compares with numbers: its expression without comparisons and set operators. */
    List<String> operands() {
      List<String> operands = new ArrayList<>();
      for (String comparison : SET_OPERATOR.split(expression(), -1)) {
        String[] sides = COMPARISON.split(comparison, -1);
        if (sides.length != 2) {
          throw new IllegalStateException(name + ": not one comparison: " + comparison);
        }
        operands.add(sides[0].strip());
      }
      return operands;
    }
  }

  /** The rules of a file that record, or that alert. */
  static List<JsonNode> of(String file, String kind) throws IOException {
    List<JsonNode> rules = new ArrayList<>();
    for (JsonNode group : yaml(FOLDER.resolve(file)).path("groups")) {
      for (JsonNode rule : group.path("rules")) {
        if (rule.has(kind)) {
          rules.add(rule);
        }
      }
    }
    return rules;
  }

  static List<Alert> alerts() throws IOException {
    return of("alerts.yaml", "alert").stream()
        .map(rule -> new Alert(rule.path("alert").asText(), rule))
        .toList();
  }

  static JsonNode yaml(Path file) throws IOException {
    return new YAMLMapper().readTree(file.toFile());
  }

  /** Names of recorded series in a text. */
  static Set<String> recorded(String text) {
    return all(RECORDED, text);
  }

  /** Names of exported metrics in a text, a histogram's under its own name. */
  static Set<String> exported(String text) {
    TreeSet<String> names = new TreeSet<>();
    for (String name : all(EXPORTED, RECORDED.matcher(text).replaceAll(""))) {
      names.add(name.replaceFirst("_seconds_(bucket|count|sum|max)$", "_seconds"));
    }
    return names;
  }

  private static Set<String> all(Pattern pattern, String text) {
    TreeSet<String> found = new TreeSet<>();
    Matcher matcher = pattern.matcher(text);
    while (matcher.find()) {
      found.add(matcher.group());
    }
    return found;
  }
}
