package io.fisherwatch.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.fisherwatch.event.BatchEvent;
import io.fisherwatch.event.CheckpointEvent;
import io.fisherwatch.event.Origin;
import io.fisherwatch.event.RunEndedEvent;
import io.fisherwatch.kafka.KafkaEventSink;
import io.fisherwatch.kafka.KafkaSettings;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.share.MergedRun;
import io.fisherwatch.share.ShareStamp;
import io.fisherwatch.snapshot.Estimate;
import io.fisherwatch.snapshot.Figures;
import io.fisherwatch.snapshot.LayerFigures;
import io.fisherwatch.snapshot.RunSnapshot;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** One run over several agents comes to what one agent finds, whatever becomes of the agents. */
@Timeout(600)
class ShardingIT {

  private static final Duration PATIENT = Duration.ofSeconds(60);
  private static final List<String> SHARDS =
      List.of("rank-0", "rank-1", "rank-2", "rank-3", "rank-4", "rank-5");
  private static final int EXAMPLES = 12;

  @TempDir private Path folder;

  /** A run's events as one agent would get them: every batch behind its own checkpoint. */
  private final Map<CheckpointEvent, List<BatchEvent>> told = new LinkedHashMap<>();

  private int batches;

  private CheckpointEvent checkpoint(Sharded run, long step) throws Exception {
    CheckpointEvent event = run.checkpoint(step);
    told.put(event, new ArrayList<>());
    run.publish(event);
    return event;
  }

  private void batch(Sharded run, String shard, long step, CheckpointEvent at) {
    BatchEvent event = run.batch(shard, step, at.step());
    told.get(at).add(event);
    batches++;
    run.publish(event);
  }

  /** Two batches of every shard; the first of one of them is late, where another has been on. */
  private void round(Sharded run, CheckpointEvent at, Optional<CheckpointEvent> before) {
    String late = lateShard();
    for (String shard : SHARDS) {
      boolean isLate = shard.equals(late) && before.isPresent();
      batch(run, shard, at.step(), isLate ? before.get() : at);
      batch(run, shard, at.step() + 1, at);
    }
  }

  /** One that has its partition together with an earlier one. */
  private static String lateShard() {
    for (int i = SHARDS.size() - 1; i > 0; i--) {
      String shard = SHARDS.get(i);
      if (SHARDS.subList(0, i).stream()
          .anyMatch(other -> Sharded.partition(other) == Sharded.partition(shard))) {
        return shard;
      }
    }
    throw new AssertionError("six shards in four partitions");
  }

  /** What one agent makes of the same events, in their order. */
  private RunSnapshot alone(Sharded run) throws Exception {
    return alone(run, port -> {});
  }

  /** The same, and what its port serves. */
  private RunSnapshot alone(Sharded run, PortReader reader) throws Exception {
    KafkaSettings plain =
        new KafkaSettings(run.broker.bootstrapServers(), "plain", "plain.dlq", "plain", Map.of());
    int events = 0;
    try (KafkaEventSink sink = new KafkaEventSink(plain)) {
      for (Map.Entry<CheckpointEvent, List<BatchEvent>> entry : told.entrySet()) {
        sink.publish(entry.getKey()).join();
        events++;
        for (BatchEvent batch : entry.getValue()) {
          sink.publish(
                  new BatchEvent(
                      batch.run(), batch.step(), batch.tensors(), batch.file(), batch.origin()))
              .join();
          events++;
        }
      }
    }
    Sharded.Running agent = run.startPlain(plain);
    int all = events;
    Sharded.await(
        () -> all + " events ended, not " + agent.agent.eventsEnded(),
        () -> agent.agent.eventsEnded() == all);
    RunSnapshot figures = agent.runs().get(Sharded.RUN);
    reader.read(agent.agent.port());
    agent.stop();
    return figures;
  }

  private static void assertSame(MergedRun merged, RunSnapshot alone) {
    assertSame(merged.snapshot(), alone);
  }

  private static void assertSame(RunSnapshot merged, RunSnapshot alone) {
    Figures ours = merged.figures();
    Figures theirs = alone.figures();
    assertThat(ours.examples()).isEqualTo(theirs.examples());
    assertThat(ours.positions()).isEqualTo(theirs.positions());
    assertClose("core trace", ours.core().trace(), theirs.core().trace());
    assertClose("core top", ours.core().topEigenvalue(), theirs.core().topEigenvalue());
    assertClose("entropy", ours.core().entropy(), theirs.core().entropy());
    assertClose("confidence", ours.core().maxProbability(), theirs.core().maxProbability());
    assertThat(ours.layers()).hasSameSizeAs(theirs.layers());
    for (int i = 0; i < ours.layers().size(); i++) {
      LayerFigures layer = ours.layers().get(i);
      for (Map.Entry<Estimate, io.fisherwatch.snapshot.TraceFigure> one :
          theirs.layers().get(i).traces().entrySet()) {
        assertClose(
            layer.layer() + " " + one.getKey(),
            layer.traces().get(one.getKey()).trace().value(),
            one.getValue().trace().value());
      }
    }
    assertClose("batches", merged.effectiveBatches(), alone.effectiveBatches());
    assertThat(merged.step()).isEqualTo(alone.step());
    assertThat(merged.batchStep()).isEqualTo(alone.batchStep());
  }

  private static void assertClose(String what, double ours, double theirs) {
    assertThat(ours).as(what).isCloseTo(theirs, within(1e-9 * Math.abs(theirs)));
  }

  @Test
  void run_overTwoAgents_mergesToWhatOneAgentFinds() throws Exception {
    try (Sharded run = new Sharded(folder)) {
      Sharded.Running one = run.start(PATIENT);
      Sharded.Running two = run.start(PATIENT);
      Sharded.awaitShared(one, two);
      CheckpointEvent before = checkpoint(run, 0);
      round(run, before, Optional.empty());
      for (long step = 10; step <= 30; step += 10) {
        CheckpointEvent at = checkpoint(run, step);
        round(run, at, Optional.of(before));
        before = at;
      }
      long examples = (long) EXAMPLES * batches;
      MergedRun merged =
          run.awaitMerged(
              all ->
                  all.snapshot().figures().examples() >= examples
                      && all.stamps().stream().allMatch(stamp -> stamp.diagonal().isPresent()));
      assertSame(merged, alone(run));
      assertThat(merged.parts())
          .isEqualTo((int) SHARDS.stream().map(Sharded::partition).distinct().count());
      assertThat(merged.agents()).isEqualTo(2);
      assertThat(one.runs().keySet()).doesNotContainAnyElementsOf(two.runs().keySet());
      assertThat(one.agent.eventsEnded() + two.agent.eventsEnded()).isEqualTo(batches);
      assertThat(one.agent.deadLettered() + two.agent.deadLettered()).isZero();

      run.publish(end(39));
      MergedRun ended = run.awaitMerged(all -> all.stamps().stream().allMatch(ShareStamp::ended));
      assertThat(ended.snapshot().ended()).isTrue();
      Sharded.await(
          () -> "every part has ended",
          () ->
              one.runs().values().stream().allMatch(RunSnapshot::ended)
                  && two.runs().values().stream().allMatch(RunSnapshot::ended));

      checkpoint(run, 0); // a new attempt, of which batches of the old one are no part
      run.publish(run.batch(SHARDS.get(0), 40, 30));
      run.publish(run.batch(SHARDS.get(0), 0, 0));
      MergedRun again = run.awaitMerged(all -> all.snapshot().attempt() == 2);
      assertThat(again.snapshot().figures().examples()).isEqualTo(EXAMPLES);
      assertThat(again.snapshot().ended()).isFalse();
    }
  }

  @FunctionalInterface
  private interface PortReader {
    void read(int port) throws Exception;
  }

  @Test
  void run_overTwoAgents_isServedByTheMergeWithItsDiagonal() throws Exception {
    try (Sharded run = new Sharded(folder);
        MergeInProcess merge = new MergeInProcess(run, folder)) {
      Sharded.awaitShared(run.start(PATIENT), run.start(PATIENT));
      CheckpointEvent before = checkpoint(run, 0);
      round(run, before, Optional.empty());
      round(run, checkpoint(run, 10), Optional.of(before));
      Map<String, HostTensor> expected = new LinkedHashMap<>();
      RunSnapshot alone = alone(run, port -> expected.putAll(MergeInProcess.diagonal(port).get()));
      run.awaitMerged((long) EXAMPLES * batches);
      run.publish(end(19));
      Sharded.await(
          () -> "the merge shows the run, ended: " + merge.run(Sharded.RUN),
          () -> merge.run(Sharded.RUN).filter(RunSnapshot::ended).isPresent());
      RunSnapshot merged = merge.run(Sharded.RUN).get();
      assertThat(merged.figures().examples()).isEqualTo((long) EXAMPLES * batches);
      assertClose(
          "trace",
          merged.figures().total().traces().get(Estimate.FISHER).trace().value(),
          alone.figures().total().traces().get(Estimate.FISHER).trace().value());
      assertThat(merge.get("/metrics"))
          .contains("fisherwatch_merged_agents 2.0")
          .contains("fisher_trace{")
          .contains("run=\"run-0\"");
      assertThat(expected.keySet()).anyMatch(name -> name.startsWith("fisher/"));
      Sharded.await(
          () -> "the merged diagonal is that of one agent",
          () ->
              MergeInProcess.diagonal(merge.port())
                  .filter(found -> MergeInProcess.isClose(found, expected, 1e-5))
                  .isPresent());
    }
  }

  private static RunEndedEvent end(long step) {
    return new RunEndedEvent(
        Sharded.RUN, step, true, new Origin("urn:test", "end", Optional.empty()));
  }

  @Test
  void batch_beforeItsCheckpoint_waitsForIt() throws Exception {
    try (Sharded run = new Sharded(folder)) {
      Sharded.Running first = run.start(PATIENT);
      CheckpointEvent at = checkpoint(run, 0);
      batch(run, "rank-0", 0, at);
      run.awaitMerged(EXAMPLES);
      CheckpointEvent later = run.checkpoint(10);
      told.put(later, new ArrayList<>());
      batch(run, "rank-0", 10, later);
      Sharded.await(() -> "the first one is done", () -> first.agent.eventsEnded() == 1);
      Thread.sleep(2_000); // nothing tells that the next one waits

      long start = System.nanoTime();
      first.stop(); // the batch that waits is left to the heir
      assertThat(1e-9 * (System.nanoTime() - start)).as("seconds to stop").isLessThan(30);
      Sharded.Running heir = run.start(PATIENT);
      run.publish(later);
      MergedRun merged = run.awaitMerged(2 * EXAMPLES);
      assertSame(merged, alone(run));
      assertThat(heir.agent.deadLettered()).isZero();
      assertThat(merged.stamps()).singleElement().satisfies(s -> assertThat(s.ordinal()).isOne());
    }
  }

  @Test
  void batch_whoseCheckpointNeverComes_isDeadLettered() throws Exception {
    try (Sharded run = new Sharded(folder)) {
      Sharded.Running agent = run.start(Duration.ofSeconds(2));
      CheckpointEvent at = checkpoint(run, 0);
      run.publish(run.batch("rank-0", 7, 5));
      run.publish(run.batch("rank-0", 8, 5));
      batch(run, "rank-0", 9, at);
      run.publish(stray(run));
      assertThat(run.deadLetterCodes(3)).containsOnly("no-checkpoint", "run-mismatch");
      assertSame(run.awaitMerged(EXAMPLES), alone(run));
      assertThat(agent.agent.deadLettered()).isEqualTo(3);
    }
  }

  /** A batch without a shard. */
  private static BatchEvent stray(Sharded run) {
    return run.recorded.batch(Sharded.RUN, 1);
  }

  @Test
  void agent_killed_itsPartsMoveAndNothingCountsTwice() throws Exception {
    try (Sharded run = new Sharded(folder)) {
      String yaml =
          AgentProcess.yaml(
                  run.broker.bootstrapServers(),
                  run.recorded,
                  folder.resolve("state"),
                  Map.of("estimator", "exact", "microBatch", "1"))
              + "sharding:\n  enabled: true\n  publishInterval: 0.1s\n";
      try (AgentProcess killed = new AgentProcess(folder, "killed", yaml);
          AgentProcess heir = new AgentProcess(folder, "heir", yaml)) {
        killed.start();
        heir.start();
        CheckpointEvent before = checkpoint(run, 0);
        round(run, before, Optional.empty());
        Map<Integer, Long> epochs = epochs(run.awaitMerged((long) EXAMPLES * batches));
        Sharded.await(() -> "both work", () -> works(killed) && works(heir));
        for (long step = 10; step <= 40; step += 10) {
          CheckpointEvent at = checkpoint(run, step);
          round(run, at, Optional.of(before));
          before = at;
          if (step == 20) {
            killed.kill();
          }
        }
        MergedRun merged = run.awaitMerged((long) EXAMPLES * batches);
        assertSame(merged, alone(run));
        heir.awaitEvents(batches);
        assertThat(heir.events("processed")).isEqualTo(batches);
        assertThat(merged.agents()).isEqualTo(1);
        assertThat(merged.stamps())
            .anyMatch(stamp -> stamp.epoch() > epochs.getOrDefault(stamp.partition(), 0L));
      }
    }
  }

  private static Map<Integer, Long> epochs(MergedRun merged) {
    return merged.stamps().stream()
        .collect(Collectors.toMap(ShareStamp::partition, ShareStamp::epoch));
  }

  private static boolean works(AgentProcess agent) {
    try {
      return agent.events("processed") > 0;
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void checkpoints_firstOnesGone_areRefusedAloud() throws Exception {
    try (Sharded run = new Sharded(folder)) {
      checkpoint(run, 0);
      checkpoint(run, 10);
      try (org.apache.kafka.clients.admin.Admin admin =
          org.apache.kafka.clients.admin.Admin.create(
              Map.of("bootstrap.servers", run.broker.bootstrapServers()))) {
        admin
            .deleteRecords(
                Map.of(
                    new org.apache.kafka.common.TopicPartition(Sharded.TOPIC + "-checkpoints", 0),
                    org.apache.kafka.clients.admin.RecordsToDelete.beforeOffset(1)))
            .all()
            .get();
      }
      Sharded.Running agent = run.start(PATIENT);
      agent.awaitEnd();
      assertThat(agent.failure.get())
          .isInstanceOf(UnusableStateException.class)
          .hasMessageContaining("begins at offset 1")
          .hasMessageContaining("retention.ms=-1");
    }
  }
}
