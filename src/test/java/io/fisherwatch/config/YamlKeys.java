package io.fisherwatch.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** The keys that a configuration file has, by their paths. */
public final class YamlKeys {

  private YamlKeys() {}

  /** All that are no sections. */
  public static Set<String> of(Path file) throws IOException {
    Set<String> keys = new TreeSet<>();
    collect("", new YAMLMapper().readTree(file.toFile()), keys);
    return keys;
  }

  private static void collect(String prefix, JsonNode node, Set<String> keys) {
    for (Map.Entry<String, JsonNode> entry : node.properties()) {
      if (entry.getValue().isObject()) {
        collect(prefix + entry.getKey() + ".", entry.getValue(), keys);
      } else {
        keys.add(prefix + entry.getKey());
      }
    }
  }
}
