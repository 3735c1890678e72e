package io.fisherwatch.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.fisherwatch.config.ConfigException;
import io.fisherwatch.config.LoggingConfig;
import io.fisherwatch.config.YamlKeys;
import io.fisherwatch.web.Access;
import io.fisherwatch.web.SecretHash;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ConfigLoaderTest {

  private static final Path REFERENCE = Path.of("config/agent.yaml");

  @TempDir private Path folder;

  private Path file(String yaml) throws IOException {
    return Files.writeString(folder.resolve("agent.yaml"), yaml);
  }

  @Test
  void referenceFile_everyKey_isTheCodesAndItsDefault() throws Exception {
    assertThat(YamlKeys.of(REFERENCE)).isEqualTo(ConfigLoader.keys());
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
  void sharding_topics_areNamedAfterThatOfTheBatches() throws Exception {
    Path config =
        file(
            "kafka:\n  topic: t\nsharding:\n  enabled: true\n  patience: 5s\n  publishInterval: 0.5s\n");
    assertThat(ConfigLoader.load(config, Map.of()).sharding())
        .isEqualTo(
            new ShardingConfig(
                true, "t-checkpoints", "t-shares", Duration.ofSeconds(5), Duration.ofMillis(500)));
    assertThat(ConfigLoader.print(config, Map.of()))
        .contains("sharesTopic: t-shares", "patience: 5.0s", "enabled: true");
  }

  @Test
  void sharding_withoutStateOrWithOneTopicForTwo_isAMistake() throws Exception {
    Path bad =
        file(
            """
            kafka:
              topic: t
            state:
              directory: none
            sharding:
              enabled: true
              checkpointsTopic: s
              sharesTopic: s
            """);
    assertThat(
            catchThrowableOfType(ConfigException.class, () -> ConfigLoader.load(bad, Map.of()))
                .mistakes())
        .hasSize(2)
        .anyMatch(line -> line.startsWith("sharding: needs state.directory"))
        .anyMatch(line -> line.contains("should be three topics"));
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

  @Test
  void secrets_thatAreWrong_areNotRepeated() throws Exception {
    Path bad =
        file(
            """
            kafka:
              properties:
                acks: distinctive-acks
                sasl.jaas.config: distinctive-jaas
            web:
              auth:
                user: ada
                passwordHash: distinctive-password
                tokenHash: distinctive-token
            """);
    ConfigException e =
        catchThrowableOfType(ConfigException.class, () -> ConfigLoader.load(bad, Map.of()));
    assertThat(e.getMessage())
        .contains("web.auth.passwordHash", "web.auth.tokenHash", "hash-secret", "[acks]")
        .doesNotContain("distinctive");
  }

  @Test
  void yaml_broken_isPlacedButNotRepeated() throws Exception {
    for (String yaml :
        new String[] {
          "kafka:\n  password: 'distinctive\n  b: c\n",
          "kafka: {password: distinctive\n",
          "password: distinctive: again\n",
          "password: @distinctive\n",
          "distinctive\n",
          "\tpassword: distinctive\n"
        }) {
      Path bad = file(yaml);
      assertThat(
              catchThrowableOfType(ConfigException.class, () -> ConfigLoader.load(bad, Map.of())))
          .as(yaml)
          .hasMessageContaining("agent.yaml")
          .extracting(Throwable::getMessage)
          .asString()
          .doesNotContain("distinctive: ", "distinctive\n", "'distinctive", "@distinctive");
    }
  }

  @Test
  void web_halfSetUp_isAMistake() throws Exception {
    Path bad =
        file(
            """
            web:
              auth:
                user: ada
                openPaths: [metrics]
              tls:
                key: /key.pem
              maxConnections: 10
              maxStreams: 9
            """);
    assertThat(
            catchThrowableOfType(ConfigException.class, () -> ConfigLoader.load(bad, Map.of()))
                .mistakes())
        .hasSize(4)
        .anyMatch(line -> line.contains("user and passwordHash go together"))
        .anyMatch(line -> line.contains("certificate and key go together"))
        .anyMatch(line -> line.startsWith("web.auth.openPaths: 'metrics'"))
        .anyMatch(line -> line.startsWith("web.maxStreams: '9'"));
  }

  @Test
  void web_restricted_isReadAndPrintedWithoutItsHashes() throws Exception {
    SecretHash hash =
        SecretHash.parse("pbkdf2-sha256:100000:" + "A".repeat(22) + ":" + "B".repeat(43));
    Path config =
        file(
            """
            web:
              names: [Fisher.example]
              auth:
                user: ada
                passwordHash: HASH
                openPaths: []
              tls:
                certificate: /cert.pem
                key: /key.pem
            logging:
              format: json
              levels:
                io.fisherwatch.kafka: debug
            shutdown:
              timeout: 90s
            """
                .replace("HASH", hash.text()));
    AgentConfig read = ConfigLoader.load(config, Map.of());
    assertThat(read.web().names()).containsExactly("fisher.example");
    assertThat(read.web().access())
        .isEqualTo(
            new Access(Optional.of(new Access.User("ada", hash)), Optional.empty(), Set.of()));
    assertThat(read.web().scheme()).isEqualTo("https");
    assertThat(read.logging())
        .isEqualTo(
            new LoggingConfig(LoggingConfig.Format.JSON, Map.of("io.fisherwatch.kafka", "DEBUG")));
    assertThat(read.shutdownTimeout()).hasSeconds(90);
    assertThat(read.toString()).doesNotContain(hash.hash());
    assertThat(ConfigLoader.print(config, Map.of()))
        .contains("auth.passwordHash: '****'", "auth.tokenHash: none", "tls.key: /key.pem")
        .doesNotContain(hash.hash());
  }
}
