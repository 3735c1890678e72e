package io.fisherwatch.observability;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * A dashboard as it is checked in.
 *
 * @param file its file's name
 */
record Dashboard(String file, JsonNode json) {

  static final Path FOLDER = Path.of("grafana");

  /**
   * A query with the place it is asked at.
   *
   * @param where dashboard and panel
   * @param text with its variables
   */
  record Query(String where, String text) {

    /** The query as Grafana would send it for the demo's run. */
    String filledIn(String run, String window) {
      return text.replace("layer=~\"$layer\"", "layer=~\".+\"")
          .replace("layer=\"$layer\"", "layer=\"_total\"")
          .replace("$run", run)
          .replace("$instance", ".+")
          .replace("$__rate_interval", window);
    }
  }

  static List<Dashboard> all() throws IOException {
    ObjectMapper mapper = new ObjectMapper();
    List<Dashboard> dashboards = new ArrayList<>();
    try (Stream<Path> files = Files.list(FOLDER)) {
      for (Path file : files.filter(path -> path.toString().endsWith(".json")).sorted().toList()) {
        JsonNode json = mapper.readTree(file.toFile());
        dashboards.add(new Dashboard(file.getFileName().toString(), json));
      }
    }
    return dashboards;
  }

  Iterable<JsonNode> panels() {
    return json.path("panels");
  }

  /** Variables of a type, {@code query} or {@code datasource}. */
  List<JsonNode> variables(String type) {
    List<JsonNode> found = new ArrayList<>();
    for (JsonNode variable : json.path("templating").path("list")) {
      if (variable.path("type").asText().equals(type)) {
        found.add(variable);
      }
    }
    return found;
  }

  /** What its panels ask. */
  List<Query> queries() {
    List<Query> queries = new ArrayList<>();
    for (JsonNode panel : panels()) {
      String where = file + ", " + panel.path("title").asText();
      for (JsonNode target : panel.path("targets")) {
        queries.add(new Query(where, target.path("expr").asText()));
      }
    }
    return queries;
  }

  /** What its annotations ask. */
  List<Query> annotations() {
    List<Query> queries = new ArrayList<>();
    for (JsonNode annotation : json.path("annotations").path("list")) {
      queries.add(new Query(file + ", annotations", annotation.path("expr").asText()));
    }
    return queries;
  }
}
