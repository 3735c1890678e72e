package io.fisherwatch.bench;

import io.fisherwatch.kafka.KafkaSettings;
import io.fisherwatch.safetensors.SafetensorsReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Runs of one model under agents in processes of their own. All estimate as {@link LoadFloor} does.
 *
 * @param inputs names of the batch's tensors
 * @param servers the broker
 * @param runs how many
 * @param rounds batches of each that are timed
 */
record Load(
    Bench.Site site,
    Workloads.Workload workload,
    List<String> inputs,
    Path folder,
    String servers,
    int runs,
    int rounds) {

  /** Batches of each run before the clock starts: models are loaded, the code compiled. */
  static final int WARM_UP = 2;

  /** Enough for a run and its whole model: layers would make scrapes the load. */
  private static final int SERIES_OF_A_RUN = 100;

  private static final int MOVED_PARTITIONS = 4;

  /** Batches of each run that may wait while agents come and go. */
  private static final int BACKLOG = 3;

  /**
   * What a group handles.
   *
   * @param perSecond events
   * @param consumerSeconds of a bare consumer for each
   */
  record Rate(double perSecond, double consumerSeconds) {}

  /**
   * A change of the group.
   *
   * @param owned seconds until all partitions are owned by those who are there
   * @param caughtUp seconds until as many events are counted as before it
   */
  record Move(double owned, double caughtUp) {}

  /**
   * Changes of the group under load.
   *
   * @param published batches
   * @param lost batches that no run has counted
   * @param doubled batches that a run has counted more than once
   */
  record Moves(Move added, Move killed, long published, long lost, long doubled) {}

  /** Something done to a group. */
  @FunctionalInterface
  private interface Act {
    void on(AgentGroup group) throws Exception;
  }

  /** What so many agents handle. */
  Rate rate(int agents, int partitions) throws Exception {
    String topic = "load-" + agents + "-" + partitions;
    try (ManyRuns events = begin(topic, partitions);
        AgentGroup group = group(topic, agents, partitions)) {
      events.publish(WARM_UP);
      for (int i = 0; i < agents; i++) {
        group.start(topic + "-agent-" + i);
      }
      group.awaitShared();
      group.awaitEnded(events.published());
      long before = events.published();
      long start = System.nanoTime();
      events.publish(rounds);
      group.awaitEnded(events.published());
      double perSecond = (events.published() - before) / seconds(start);
      return new Rate(
          perSecond, LoadFloor.consumer(servers, topic, partitions, events.published()));
    }
  }

  /** Two agents, to whom a third one comes, and of whom the first is killed. */
  Moves moves() throws Exception {
    String topic = "load-moves";
    String first = topic + "-first";
    try (ManyRuns events = begin(topic, MOVED_PARTITIONS);
        AgentGroup group = group(topic, 2, MOVED_PARTITIONS)) {
      events.publish(WARM_UP);
      group.start(first);
      group.start(topic + "-second");
      group.awaitShared();
      group.awaitEnded(events.published());
      AtomicBoolean stopping = new AtomicBoolean();
      CompletableFuture<Void> load =
          CompletableFuture.runAsync(() -> publish(events, group, stopping));
      Move added;
      Move killed;
      try {
        added = move(group, it -> it.start(topic + "-third"));
        killed = move(group, it -> it.kill(first));
      } finally {
        stopping.set(true);
        load.join();
      }
      group.awaitShared(); // a partition on its way could be counted by both
      group.awaitEnded(events.published());
      long lost = 0;
      long doubled = 0;
      Map<String, Long> examples = group.examples();
      for (String run : events.names()) {
        long more = examples.getOrDefault(run, 0L) / workload.examples() - events.rounds();
        lost += Math.max(0, -more);
        doubled += Math.max(0, more);
      }
      return new Moves(added, killed, (long) runs * events.rounds(), lost, doubled);
    }
  }

  /** Publishes so that there is always something to do, and never too much. */
  private void publish(ManyRuns events, AgentGroup group, AtomicBoolean stopping) {
    try {
      while (!stopping.get()) {
        if (events.published() - group.ended() < (long) BACKLOG * runs) {
          events.publish(1);
        } else {
          TimeUnit.MILLISECONDS.sleep(20);
        }
      }
    } catch (IOException e) {
      throw new IllegalStateException("an agent ended by itself", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static Move move(AgentGroup group, Act act) throws Exception {
    long before = group.ended();
    long start = System.nanoTime();
    act.on(group);
    group.awaitShared();
    double owned = seconds(start);
    group.awaitEnded(before);
    return new Move(owned, seconds(start));
  }

  private ManyRuns begin(String topic, int partitions) throws Exception {
    return ManyRuns.begin(kafka(topic), partitions, workload, inputs, folder, runs);
  }

  private KafkaSettings kafka(String topic) {
    return new KafkaSettings(servers, topic, topic + ".dlq", topic, Map.of());
  }

  /** A group whose agents have their share of the cores each. */
  private AgentGroup group(String topic, int agents, int partitions) throws IOException {
    int threads = Math.max(1, Runtime.getRuntime().availableProcessors() / agents);
    String yaml =
        """
        kafka:
          bootstrapServers: %s
          topic: %s
          groupId: %s
        files:
          roots: [%s]
          trustedGraphs: [%s]
        state:
          directory: %s
        threads: %d
        runs:
          residentModels: %d
        metrics:
          maxSeries: %d
        estimate:
          rank: 0
          probes: 1
          microBatch: whole
          cvEvery: 0
        """
            .formatted(
                servers,
                topic,
                topic,
                workload.graph().toRealPath().getParent(),
                SafetensorsReader.sha256(workload.graph()),
                folder.resolve("state-" + topic),
                threads,
                runs,
                SERIES_OF_A_RUN * runs);
    return new AgentGroup(Files.createDirectories(folder), yaml, partitions);
  }

  private static double seconds(long since) {
    return (System.nanoTime() - since) / 1e9;
  }
}
