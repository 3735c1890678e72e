package io.fisherwatch.deploy;

import com.fasterxml.jackson.databind.JsonNode;
import io.fisherwatch.observability.Tool;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/**
 * The chart, rendered.
 *
 * @param objects in the order of the output
 */
record Chart(List<JsonNode> objects) {

  static final Path FOLDER = Path.of("deploy/helm/fisherwatch");

  /** What was rendered before, by its values. */
  private static final Map<List<String>, String> RENDERED = new ConcurrentHashMap<>();

  /** Renders it under a name and with values, written as {@code --set} takes them. */
  static Chart render(String... values) throws IOException, InterruptedException {
    String text = RENDERED.get(List.of(values));
    if (text == null) {
      Tool.Ended ended = helm(values);
      if (ended.status() != 0) {
        throw new IllegalArgumentException(ended.output());
      }
      text = withoutRemarks(ended.output());
      RENDERED.put(List.of(values), text);
    }
    return new Chart(Yaml.documents(text));
  }

  static Tool.Ended helm(String... values) throws IOException, InterruptedException {
    List<String> arguments =
        new ArrayList<>(List.of("template", "fw", FOLDER.toString(), "--namespace", "training"));
    for (String value : values) {
      arguments.add(value.contains("={") || value.contains("=[") ? "--set-json" : "--set");
      arguments.add(value);
    }
    return Tool.find("helm").run(arguments.toArray(String[]::new));
  }

  /** Helm says of every link that it follows it. */
  static String withoutRemarks(String output) {
    return output.replaceAll("(?m)^walk\\.go.*\\R?", "");
  }

  Stream<JsonNode> of(String kind) {
    return objects.stream().filter(object -> object.path("kind").asText().equals(kind));
  }

  JsonNode one(String kind) {
    List<JsonNode> found = of(kind).toList();
    if (found.size() != 1) {
      throw new IllegalStateException(found.size() + " of kind " + kind);
    }
    return found.get(0);
  }

  /** The template of the pods. */
  JsonNode pod() {
    return Stream.concat(of("StatefulSet"), of("Job"))
        .findFirst()
        .orElseThrow()
        .at("/spec/template");
  }

  /** The containers of the pod, sidecars first. */
  List<JsonNode> containers() {
    List<JsonNode> containers = new ArrayList<>();
    pod().at("/spec/initContainers").forEach(containers::add);
    pod().at("/spec/containers").forEach(containers::add);
    return containers;
  }

  JsonNode agent() {
    return containers().stream()
        .filter(container -> container.path("name").asText().equals("agent"))
        .findFirst()
        .orElseThrow();
  }

  /** The agent's configuration as text. */
  String config() {
    return of("ConfigMap")
        .map(map -> map.path("data").path("agent.yaml"))
        .filter(JsonNode::isTextual)
        .findFirst()
        .orElseThrow()
        .asText();
  }
}
