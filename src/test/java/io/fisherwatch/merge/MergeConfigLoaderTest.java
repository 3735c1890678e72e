package io.fisherwatch.merge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.fisherwatch.config.ConfigException;
import io.fisherwatch.config.YamlKeys;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MergeConfigLoaderTest {

  private static final Path REFERENCE = Path.of("config/merge.yaml");

  @TempDir private Path folder;

  private Path file(String yaml) throws Exception {
    return Files.writeString(folder.resolve("merge.yaml"), yaml);
  }

  @Test
  void referenceFile_everyKey_isTheCodesAndItsDefault() throws Exception {
    assertThat(YamlKeys.of(REFERENCE)).isEqualTo(MergeConfigLoader.keys());
    assertThat(MergeConfigLoader.load(REFERENCE, Map.of())).isEqualTo(MergeConfigLoader.defaults());
  }

  @Test
  void referenceFile_webSection_isTheAgents() throws Exception {
    JsonNode agent = new YAMLMapper().readTree(Path.of("config/agent.yaml").toFile());
    assertThat(new YAMLMapper().readTree(REFERENCE.toFile()).path("web"))
        .isEqualTo(agent.path("web"));
  }

  @Test
  void mistakes_all_areListed() throws Exception {
    Path bad =
        file(
            """
            kafka:
              bootstrapServers: ' '
            merge:
              applicationId: a b
              sharesTopic: same
              topic: same
              diagonalInterval: soon
              endedRetentoin: 1h
            files:
              roots: [relative]
            """);
    ConfigException e =
        catchThrowableOfType(ConfigException.class, () -> MergeConfigLoader.load(bad, Map.of()));
    assertThat(e.mistakes())
        .hasSize(6)
        .anyMatch(line -> line.startsWith("kafka: bootstrapServers"))
        .anyMatch(line -> line.startsWith("merge.applicationId: 'a b'"))
        .anyMatch(line -> line.startsWith("merge.topic: 'same'"))
        .anyMatch(line -> line.startsWith("merge.diagonalInterval: 'soon'"))
        .anyMatch(line -> line.startsWith("merge.endedRetentoin is no key"))
        .anyMatch(line -> line.startsWith("files.roots: 'relative'"));
  }

  @Test
  void clients_propertyThatDeliveryDependsOn_isRefused() throws Exception {
    Path bad = file("kafka:\n  properties:\n    transactional.id: mine\n");
    ConfigException e =
        catchThrowableOfType(ConfigException.class, () -> MergeConfigLoader.load(bad, Map.of()));
    assertThat(e.mistakes()).singleElement().asString().contains("transactional.id");
  }

  @Test
  void connection_asText_hasNoSecrets() throws Exception {
    MergeConfig config =
        MergeConfigLoader.load(
            file("kafka:\n  properties:\n    sasl.jaas.config: hush\n"), Map.of());
    assertThat(config.toString()).contains("sasl.jaas.config").doesNotContain("hush");
  }
}
