package io.fisherwatch.agent;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fisherwatch.demo.EmbeddedBroker;
import io.fisherwatch.kafka.KafkaEventSink;
import io.fisherwatch.kafka.KafkaSettings;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Agents of one group share six partitions with eight runs. While events come, one agent is added,
 * one stopped and one killed without a farewell: runs move with their state, every event counts
 * once, and every figure is, bit for bit, that of one agent that nobody disturbed.
 */
class MoveIT {

  private static final int PARTITIONS = 6;
  private static final int RUNS = 8;

  /** Until the group misses one that was killed: of the yaml, and of the embedded broker. */
  private static final Map<String, Integer> SESSION_SECONDS = Map.of("classic", 6, "consumer", 10);

  /** What else a move may take on a slow machine: a JVM's start, rebalances, state. */
  private static final int MARGIN_SECONDS = 60;

  private static final Map<String, String> FIXED =
      Map.of("rank", "1", "probes", "2", "microBatch", "1");
  private static final List<String> NAMES =
      IntStream.range(0, RUNS).mapToObj(i -> "run-" + i).toList();

  @TempDir private Path folder;

  /** Something done to a group of agents. */
  @FunctionalInterface
  private interface Act {
    void run() throws Exception;
  }

  /** Publishes a round of every run, again and again, until it is stopped. */
  private static final class Load implements AutoCloseable {
    private final AtomicBoolean stopping = new AtomicBoolean();
    private final CompletableFuture<Void> done;

    Load(Recorded recorded, KafkaEventSink sink) {
      done =
          CompletableFuture.runAsync(
              () -> {
                try {
                  while (!stopping.get()) {
                    recorded.publish(sink, RUNS, RUNS);
                    Thread.sleep(200); // forty events a second, that one agent can follow
                  }
                } catch (Exception e) {
                  throw new IllegalStateException("publishing failed", e);
                }
              });
    }

    void requireGoing() {
      assertThat(done).as("publishing").isNotDone();
    }

    @Override
    public void close() {
      stopping.set(true);
      done.join();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"classic", "consumer"})
  void agents_addedStoppedAndKilledUnderLoad_moveRunsAndLoseNothing(String protocol)
      throws Exception {
    Recorded recorded = new Recorded(Files.createDirectories(folder.resolve("files")).toRealPath());
    Map<String, String> wide = Map.of("num.partitions", Integer.toString(PARTITIONS));
    try (EmbeddedBroker broker = EmbeddedBroker.start(0, folder.resolve("broker"), wide)) {
      String servers = broker.bootstrapServers();
      KafkaSettings kafka = new KafkaSettings(servers, "training-events", "dlq", "any", Map.of());
      String shared = AgentProcess.yaml(servers, recorded, folder.resolve("shared"), FIXED);
      if (protocol.equals("consumer")) {
        shared =
            shared.replaceAll(
                "session.timeout.ms: \\d+\\s+heartbeat.interval.ms: \\d+",
                "group.protocol: consumer");
      }
      Map<String, Double> seconds = new LinkedHashMap<>();
      Map<String, JsonNode> figures = new LinkedHashMap<>();
      Map<String, byte[]> diagonals = new LinkedHashMap<>();
      try (KafkaEventSink sink = new KafkaEventSink(kafka);
          AgentProcess stays = new AgentProcess(folder, "stays", shared);
          AgentProcess stopped = new AgentProcess(folder, "stopped", shared);
          AgentProcess killed = new AgentProcess(folder, "killed", shared);
          AgentProcess added = new AgentProcess(folder, "added", shared)) {
        recorded.publish(sink, 2 * RUNS, RUNS);
        for (AgentProcess agent : List.of(stays, stopped, killed)) {
          agent.start();
        }
        awaitShared(List.of(stays, stopped, killed));
        try (Load load = new Load(recorded, sink)) {
          seconds.put("added", time(added::start, stays, stopped, killed, added));
          seconds.put("stopped", time(() -> stop(stopped), stays, killed, added));
          seconds.put("killed", time(killed::kill, stays, added));
          load.requireGoing();
        }
        recorded.end(sink, RUNS, 1_000_000);
        awaitAll(recorded, stays, added);
        System.out.printf(
            "moves, %s: all partitions are owned again after %s s; %d events%n",
            protocol, seconds, recorded.all());
        int most = SESSION_SECONDS.get(protocol) + MARGIN_SECONDS;
        assertThat(seconds).allSatisfy((what, taken) -> assertThat(taken).isLessThan(most));
        assertCounts(recorded, stays, added);
        for (AgentProcess agent : List.of(stays, added)) {
          assertTells(agent);
        }
        for (String run : NAMES) {
          AgentProcess owner = ownerOf(run, stays, added);
          figures.put(run, owner.run(run));
          diagonals.put(run, owner.diagonal(run));
        }
      }
      String alone = AgentProcess.yaml(servers, recorded, folder.resolve("undisturbed"), FIXED);
      try (AgentProcess calm = new AgentProcess(folder, "calm", alone)) {
        calm.start();
        awaitAll(recorded, calm);
        assertCounts(recorded, calm);
        for (String run : NAMES) {
          assertThat(figures.get(run)).as(run).isEqualTo(calm.run(run));
          assertThat(diagonals.get(run)).as("diagonal of " + run).isEqualTo(calm.diagonal(run));
        }
      }
    }
  }

  private static void stop(AgentProcess agent) throws Exception {
    agent.signal("TERM");
    assertThat(agent.await()).as("exit code of what was told to end").isEqualTo(143);
  }

  /** Seconds from an act until all partitions are shared by those who are left. */
  private static double time(Act act, AgentProcess... left) throws Exception {
    long start = System.nanoTime();
    act.run();
    awaitShared(List.of(left));
    return Math.round(1e-8 * (System.nanoTime() - start)) / 10.0;
  }

  /** Waits until each of the agents owns something, and all of them everything. */
  private static void awaitShared(List<AgentProcess> agents) throws Exception {
    List<Set<Integer>> owned = List.of();
    for (int i = 0; i < 2_400; i++) {
      owned = new ArrayList<>();
      for (AgentProcess agent : agents) {
        assertThat(agent.isAlive()).as(() -> "an agent is there: " + agent.tail()).isTrue();
        owned.add(agent.partitions());
      }
      Set<Integer> all = new TreeSet<>();
      owned.forEach(all::addAll);
      int sum = owned.stream().mapToInt(Set::size).sum();
      if (sum == PARTITIONS && all.size() == PARTITIONS && !owned.contains(Set.<Integer>of())) {
        return;
      }
      Thread.sleep(50);
    }
    throw new AssertionError("the partitions are not shared: " + owned);
  }

  private static void awaitAll(Recorded recorded, AgentProcess... agents) throws Exception {
    long ended = 0;
    for (int i = 0; i < 12_000; i++) {
      ended = sum("", agents);
      if (ended >= recorded.all()) {
        return;
      }
      Thread.sleep(50);
    }
    throw new AssertionError(ended + " events ended, of " + recorded.all());
  }

  private static void assertCounts(Recorded recorded, AgentProcess... agents) throws Exception {
    assertThat(sum("processed", agents)).as("processed").isEqualTo(recorded.processed());
    assertThat(sum("skipped", agents)).as("skipped").isEqualTo(recorded.skipped());
    assertThat(sum("dead_lettered", agents)).as("dead-lettered").isEqualTo(recorded.deadLettered());
  }

  private static long sum(String outcome, AgentProcess... agents) throws Exception {
    long sum = 0;
    for (AgentProcess agent : agents) {
      sum += agent.events(outcome);
    }
    return sum;
  }

  private static AgentProcess ownerOf(String run, AgentProcess... agents) throws Exception {
    List<AgentProcess> owners = new ArrayList<>();
    for (AgentProcess agent : agents) {
      if (agent.get("/api/runs/" + run).statusCode() == 200) {
        owners.add(agent);
      }
    }
    assertThat(owners).as("agents that have " + run).hasSize(1);
    return owners.get(0);
  }

  /** What an agent tells of the group is what it and the other have. */
  private static void assertTells(AgentProcess agent) throws Exception {
    ObjectMapper mapper = new ObjectMapper();
    JsonNode told = mapper.readTree(agent.get("/api/partitions").body());
    for (int i = 0; i < 1_200 && waiting(told) > 0; i++) {
      Thread.sleep(50);
      told = mapper.readTree(agent.get("/api/partitions").body());
    }
    assertThat(waiting(told)).as("events that wait: %s", told).isZero();
    assertThat(told.get("partitions")).hasSize(PARTITIONS);
    Set<Integer> ours = new TreeSet<>();
    Set<String> runs = new TreeSet<>();
    Set<String> members = new TreeSet<>();
    for (JsonNode partition : told.get("partitions")) {
      members.add(partition.get("owner").get("memberId").asText());
      if (partition.get("owner").get("thisAgent").asBoolean()) {
        ours.add(partition.get("partition").asInt());
      }
      for (JsonNode run : partition.get("runs")) {
        runs.add(run.get("run").asText());
        assertThat(run.get("step").asLong())
            .isEqualTo(agent.run(run.get("run").asText()).get("step").asLong());
        assertThat(run.get("ended").asBoolean()).isTrue();
      }
    }
    assertThat(members).hasSize(2);
    assertThat(ours).isEqualTo(agent.partitions());
    Set<String> known = new TreeSet<>();
    mapper
        .readTree(agent.get("/api/runs").body())
        .forEach(run -> known.add(run.get("run").asText()));
    assertThat(runs).isEqualTo(known);
  }

  private static long waiting(JsonNode told) {
    long sum = 0;
    for (JsonNode partition : told.get("partitions")) {
      sum += partition.get("lag").asLong(1_000_000);
    }
    return sum;
  }
}
