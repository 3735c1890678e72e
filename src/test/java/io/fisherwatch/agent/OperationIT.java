package io.fisherwatch.agent;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fisherwatch.demo.EmbeddedBroker;
import io.fisherwatch.kafka.KafkaEventSink;
import io.fisherwatch.kafka.KafkaSettings;
import io.fisherwatch.state.StateInspector;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The agent as who runs it sees it from outside: its log, its levels, how it ends. */
@Timeout(300)
class OperationIT {

  private static final int SIGTERM_EXIT = 128 + 15;

  @TempDir private Path folder;

  @Test
  void terminated_inMidWork_drainsAndGoesOnThere() throws Exception {
    Path checkpoints = Files.createDirectories(folder.resolve("checkpoints")).toRealPath();
    Recorded recorded = new Recorded(checkpoints);
    try (EmbeddedBroker broker = EmbeddedBroker.start(0, folder.resolve("broker"))) {
      String servers = broker.bootstrapServers();
      KafkaSettings kafka = new KafkaSettings(servers, "training-events", "dlq", "any", Map.of());
      Path state = folder.resolve("state");
      // no snapshot but the last one
      String yaml =
          AgentProcess.yaml(servers, recorded, state, Map.of("rank", "1", "probes", "2"))
              .replace("interval: 0.2s", "interval: 1h");
      try (KafkaEventSink sink = new KafkaEventSink(kafka);
          AgentProcess agent = new AgentProcess(folder, "agent", yaml)) {
        recorded.publish(sink, 600, 2);
        agent.start();
        agent.awaitEvents(50);
        agent.signal("TERM");
        assertThat(agent.await()).isEqualTo(SIGTERM_EXIT);
        assertThat(agent.log()).contains("revoked [training-events-0]").doesNotContain("given up");
        long offset = committed(servers, "state");
        assertThat(offset).as("in mid-work").isBetween(50L, recorded.all() - 1L);
        List<StateInspector.Found> found = StateInspector.inspect(state);
        assertThat(found).isNotEmpty().allMatch(one -> one.problem().isEmpty());
        agent.start();
        agent.awaitLog("goes on at offset " + offset + " with 2 runs");
        agent.awaitEvents(recorded.all());
        assertThat(agent.events("processed")).isEqualTo(recorded.processed());
        assertThat(agent.events("skipped")).as("nothing twice").isEqualTo(recorded.skipped());
        assertThat(agent.events("dead_lettered")).isEqualTo(recorded.deadLettered());
      }
    }
  }

  private static long committed(String servers, String group)
      throws ExecutionException, InterruptedException {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", servers))) {
      OffsetAndMetadata offset =
          admin
              .listConsumerGroupOffsets(group)
              .partitionsToOffsetAndMetadata()
              .get()
              .get(new TopicPartition("training-events", 0));
      assertThat(admin.describeConsumerGroups(List.of(group)).all().get().get(group).members())
          .as("members left behind")
          .isEmpty();
      return offset.offset();
    }
  }

  @Test
  void log_asJson_tellsRunAndStepAndHeedsLevelsAtOnce() throws Exception {
    Path checkpoints = Files.createDirectories(folder.resolve("checkpoints")).toRealPath();
    Recorded recorded = new Recorded(checkpoints);
    try (EmbeddedBroker broker = EmbeddedBroker.start(0, folder.resolve("broker"))) {
      String servers = broker.bootstrapServers();
      KafkaSettings kafka = new KafkaSettings(servers, "training-events", "dlq", "any", Map.of());
      String yaml =
          AgentProcess.yaml(servers, recorded, folder.resolve("state"), Map.of("rank", "1"))
              + "logging:\n  format: json\n";
      try (KafkaEventSink sink = new KafkaEventSink(kafka);
          AgentProcess agent = new AgentProcess(folder, "agent", yaml)) {
        recorded.publish(sink, 60, 2);
        agent.start();
        agent.awaitEvents(recorded.all());
        assertThat(recorded.deadLettered()).isPositive();
        assertThat(agent.log()).doesNotContain("DEBUG");
        agent.reconfigure(
            text -> text.replace("json\n", "json\n  levels:\n    io.fisherwatch.agent: DEBUG\n"));
        agent.awaitLog("levels of logging are now {io.fisherwatch.agent=DEBUG}");
        recorded.publish(sink, 60, 2);
        agent.awaitEvents(recorded.all());
        agent.reconfigure(text -> text.replace("DEBUG", "LOUD") + "  maxStreams: 7\n");
        agent.awaitLog("is left alone: logging.levels.io.fisherwatch.agent: 'LOUD'");
        agent.reconfigure(text -> text.replace("  levels:\n    io.fisherwatch.agent: LOUD\n", ""));
        agent.awaitLog("the rest waits for a restart");
        agent.signal("TERM");
        agent.await();
        List<JsonNode> lines = new ArrayList<>();
        for (String line : agent.log().lines().toList()) {
          lines.add(new ObjectMapper().readTree(line));
        }
        assertThat(lines)
            .as("a dead letter")
            .anyMatch(
                line ->
                    line.path("level").asText().equals("WARN")
                        && line.path("formattedMessage").asText().contains("missing-input")
                        && line.at("/mdc/run").asText().startsWith("run-")
                        && line.at("/mdc/step").asText().matches("\\d+"));
        assertThat(lines)
            .as("a checkpoint, once levels had changed")
            .anyMatch(
                line ->
                    line.path("level").asText().equals("DEBUG")
                        && line.at("/mdc/step").asText().matches("\\d+"));
        assertThat(lines)
            .as("what has to do with no event")
            .anyMatch(line -> line.path("mdc").isEmpty());
      }
    }
  }
}
