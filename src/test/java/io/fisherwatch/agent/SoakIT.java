package io.fisherwatch.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.fisherwatch.demo.EmbeddedBroker;
import io.fisherwatch.kafka.KafkaEventSink;
import io.fisherwatch.kafka.KafkaSettings;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfEnvironmentVariable;
import org.junit.jupiter.api.io.TempDir;

/**
 * Many runs for some minutes: models come and go, snapshots are written all the time, and neither
 * memory nor file handles grow.
 */
@EnabledIfEnvironmentVariable(
    named = "FISHERWATCH_SOAK",
    matches = "1",
    disabledReason = "takes minutes: FISHERWATCH_SOAK=1 runs it")
class SoakIT {

  private static final int RUNS = 6;
  private static final int WARM_UP = 400;
  private static final int EVENTS = 1_200;

  @TempDir private Path folder;

  @Test
  void manyRuns_overManyEvents_growNothing() throws Exception {
    Recorded recorded = new Recorded(Files.createDirectories(folder.resolve("files")).toRealPath());
    try (EmbeddedBroker broker = EmbeddedBroker.start(0, folder.resolve("broker"))) {
      String servers = broker.bootstrapServers();
      KafkaSettings kafka = new KafkaSettings(servers, "training-events", "dlq", "any", Map.of());
      String yaml =
          AgentProcess.yaml(servers, recorded, folder.resolve("state"), Map.of("cvEvery", "20"))
                  .replace("  cvEvery: 5\n", "")
              + "runs:\n  residentModels: 4\nhistory:\n  points: 100\n";
      try (KafkaEventSink sink = new KafkaEventSink(kafka);
          AgentProcess agent = new AgentProcess(folder, "agent", yaml)) {
        agent.start();
        recorded.publish(sink, WARM_UP, RUNS);
        agent.awaitEvents(recorded.all());
        long memory = agent.residentBytes();
        long handles = agent.handles();
        recorded.publish(sink, EVENTS, RUNS);
        agent.awaitEvents(recorded.all());
        long growth = agent.residentBytes() - memory;
        System.out.printf(
            "soak: %d events, resident %d MB at first, %+d MB since, %d file handles, then %d%n",
            recorded.all(), memory >> 20, growth >> 20, handles, agent.handles());
        assertThat(growth).as("growth of resident memory").isLessThan(100L << 20);
        assertThat(agent.handles()).as("file handles").isLessThan(handles + 20);
        assertThat(agent.events("dead_lettered")).isEqualTo(recorded.deadLettered());
      }
    }
  }
}
