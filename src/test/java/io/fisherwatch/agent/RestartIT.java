package io.fisherwatch.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.fisherwatch.demo.EmbeddedBroker;
import io.fisherwatch.kafka.KafkaEventSink;
import io.fisherwatch.kafka.KafkaSettings;
import io.fisherwatch.state.StateInspector;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * An agent that is killed again and again comes to the same figures, bit for bit, as one that is
 * not, and counts every event once. 50 times with FISHERWATCH_SOAK=1, else a few times.
 */
class RestartIT {

  private static final int EVENTS = 500;
  private static final int RUNS = 3;
  private static final Map<String, String> FIXED =
      Map.of("rank", "1", "probes", "2", "microBatch", "1");

  @TempDir private Path folder;

  private static int kills() {
    return "1".equals(System.getenv("FISHERWATCH_SOAK")) ? 50 : 4;
  }

  @Test
  void stopped_pastItsSession_neitherCountsTwiceNorOverwrites() throws Exception {
    Path checkpoints = Files.createDirectories(folder.resolve("checkpoints")).toRealPath();
    Recorded recorded = new Recorded(checkpoints);
    try (EmbeddedBroker broker = EmbeddedBroker.start(0, folder.resolve("broker"))) {
      String servers = broker.bootstrapServers();
      KafkaSettings kafka = new KafkaSettings(servers, "training-events", "dlq", "any", Map.of());
      Path state = folder.resolve("shared");
      String yaml = AgentProcess.yaml(servers, recorded, state, FIXED);
      String calmly = AgentProcess.yaml(servers, recorded, folder.resolve("undisturbed"), FIXED);
      try (KafkaEventSink sink = new KafkaEventSink(kafka);
          AgentProcess calm = new AgentProcess(folder, "calm", calmly);
          AgentProcess zombie = new AgentProcess(folder, "zombie", yaml);
          AgentProcess heir = new AgentProcess(folder, "heir", yaml)) {
        recorded.publish(sink, 60, 2);
        zombie.start();
        zombie.awaitEvents(recorded.all());
        heir.start();
        zombie.signal("STOP");
        recorded.publish(sink, 60, 2);
        heir.awaitEvents(recorded.all());
        zombie.signal("CONT");
        recorded.publish(sink, 60, 2);
        calm.start();
        calm.awaitEvents(recorded.all());
        // either may own the partition in the end, but one of them alone
        for (int i = 0; i < 3000 && heir.events("") + zombie.events("") != recorded.all(); i++) {
          Thread.sleep(20);
        }
        AgentProcess owner = heir.events("") > 0 ? heir : zombie;
        AgentProcess other = owner == heir ? zombie : heir;
        assertThat(other.events("")).as("events of the other").isZero();
        assertThat(owner.events("processed")).isEqualTo(recorded.processed());
        assertThat(owner.events("skipped")).isEqualTo(recorded.skipped());
        assertThat(owner.events("dead_lettered")).isEqualTo(recorded.deadLettered());
        for (String run : new String[] {"run-0", "run-1"}) {
          assertThat(owner.run(run)).as(run).isEqualTo(calm.run(run));
          assertThat(owner.diagonal(run)).as("diagonal of " + run).isEqualTo(calm.diagonal(run));
        }
        List<StateInspector.Found> found = StateInspector.inspect(state);
        assertThat(found).isNotEmpty().allMatch(one -> one.problem().isEmpty());
      }
    }
  }

  @Test
  void killed_anywhere_givesTheSameBits() throws Exception {
    Path checkpoints = Files.createDirectories(folder.resolve("checkpoints")).toRealPath();
    Recorded recorded = new Recorded(checkpoints);
    try (EmbeddedBroker broker = EmbeddedBroker.start(0, folder.resolve("broker"))) {
      KafkaSettings kafka =
          new KafkaSettings(broker.bootstrapServers(), "training-events", "dlq", "any", Map.of());
      try (KafkaEventSink sink = new KafkaEventSink(kafka)) {
        recorded.publish(sink, EVENTS, RUNS);
        recorded.end(sink, RUNS, EVENTS);
      }
      String servers = broker.bootstrapServers();
      String undisturbed =
          AgentProcess.yaml(servers, recorded, folder.resolve("undisturbed"), FIXED);
      String disturbed =
          AgentProcess.yaml(servers, recorded, folder.resolve("disturbed"), FIXED)
                  .replace("properties:\n", "properties:\n    group.instance.id: one\n")
              + "runs:\n  residentModels: 2\n";
      try (AgentProcess calm = new AgentProcess(folder, "calm", undisturbed);
          AgentProcess killed = new AgentProcess(folder, "killed", disturbed)) {
        calm.start();
        calm.awaitEvents(recorded.all());
        int[] moments = new Random(11).ints(kills(), 1, recorded.all()).sorted().toArray();
        for (int moment : moments) {
          killed.start();
          killed.awaitEvents(moment);
          killed.kill();
        }
        killed.start();
        killed.awaitEvents(recorded.all());
        for (String outcome : new String[] {"processed", "skipped", "dead_lettered"}) {
          assertThat(killed.events(outcome)).as(outcome).isEqualTo(calm.events(outcome));
        }
        assertThat(killed.events("processed")).isEqualTo(recorded.processed());
        assertThat(killed.events("skipped")).isEqualTo(recorded.skipped());
        assertThat(killed.events("dead_lettered")).isEqualTo(recorded.deadLettered());
        for (String run : IntStream.range(0, RUNS).mapToObj(i -> "run-" + i).toList()) {
          assertThat(killed.run(run)).as(run).isEqualTo(calm.run(run));
          assertThat(killed.diagonal(run)).as("diagonal of " + run).isEqualTo(calm.diagonal(run));
        }
      }
    }
  }
}
