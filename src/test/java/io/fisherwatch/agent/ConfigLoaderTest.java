package io.fisherwatch.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ConfigLoaderTest {

  private static final Path REFERENCE = Path.of("config/agent.yaml");

  @TempDir private Path folder;

  private Path file(String yaml) throws IOException {
    return Files.writeString(folder.resolve("agent.yaml"), yaml);
  }

  private static void collect(String prefix, JsonNode node, Set<String> keys) {
    node.properties()
        .forEach(
            entry -> {
              if (entry.getValue().isObject()) {
                collect(prefix + entry.getKey() + ".", entry.getValue(), keys);
              } else {
                keys.add(prefix + entry.getKey());
              }
            });
  }

  @Test
  void referenceFile_everyKey_isTheCodesAndItsDefault() throws Exception {
    Set<String> keys = new TreeSet<>();
    collect("", new YAMLMapper().readTree(REFERENCE.toFile()), keys);
    assertThat(keys).isEqualTo(ConfigLoader.keys());
    assertThat(ConfigLoader.load(REFERENCE, Map.of())).isEqualTo(ConfigLoader.defaults());
  }

  @Test
  void mistakes_all_areListed() throws Exception {
    Path bad =
        file(
            """
            kafka:
              bootstrapServer: x:1
            estimate:
              decay: 2
              probes: none
            web:
              port: -1
            files:
              roots: [relative]
            """);
    ConfigException e =
        catchThrowableOfType(ConfigException.class, () -> ConfigLoader.load(bad, Map.of()));
    assertThat(e.mistakes())
        .hasSize(5)
        .anyMatch(
            line ->
                line.contains("kafka.bootstrapServer") && line.contains("kafka.bootstrapServers"))
        .anyMatch(line -> line.startsWith("estimate.decay: '2'"))
        .anyMatch(line -> line.startsWith("estimate.probes: 'none'"))
        .anyMatch(line -> line.startsWith("web.port: '-1'"))
        .anyMatch(line -> line.startsWith("files.roots: 'relative'"));
  }

  @Test
  void environment_variable_overridesItsKey() throws Exception {
    AgentConfig config =
        ConfigLoader.load(
            file("web:\n  port: 1\n"),
            Map.of("FISHERWATCH_KAFKA_BOOTSTRAP_SERVERS", "b:1", "FISHERWATCH_WEB_PORT", "2"));
    assertThat(config.kafka().bootstrapServers()).isEqualTo("b:1");
    assertThat(config.web().port()).isEqualTo(2);
  }

  @Test
  void environment_unknownVariable_isAMistake() throws Exception {
    Path empty = file("");
    assertThat(
            catchThrowableOfType(
                    ConfigException.class,
                    () -> ConfigLoader.load(empty, Map.of("FISHERWATCH_KAFKA_TOPICS", "x")))
                .mistakes())
        .singleElement()
        .asString()
        .contains("FISHERWATCH_KAFKA_TOPICS");
  }

  @Test
  void secrets_printed_areMasked() throws Exception {
    Path secret = Files.writeString(folder.resolve("jaas"), "very secret\n");
    Path config =
        file(
            "kafka:\n  groupId: ${file:"
                + secret
                + "}\n  properties:\n    sasl.jaas.config: plain\n    client.id: seen\n");
    assertThat(ConfigLoader.load(config, Map.of()).kafka().groupId()).isEqualTo("very secret");
    assertThat(ConfigLoader.print(config, Map.of()))
        .doesNotContain("very secret")
        .doesNotContain("plain")
        .contains("seen");
  }
}
