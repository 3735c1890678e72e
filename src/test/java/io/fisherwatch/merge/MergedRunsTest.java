package io.fisherwatch.merge;

import static org.assertj.core.api.Assertions.assertThat;

import io.fisherwatch.monitor.Shares;
import io.fisherwatch.share.MergedRun;
import io.fisherwatch.share.RunParts;
import io.fisherwatch.share.ShareRecord;
import io.fisherwatch.snapshot.DiagonalFigure;
import io.fisherwatch.snapshot.RunSnapshot;
import io.fisherwatch.snapshot.SnapshotBoard;
import java.util.Map;
import org.junit.jupiter.api.Test;

class MergedRunsTest {

  private final SnapshotBoard board = new SnapshotBoard(10);
  private final MergedRuns merged = new MergedRuns(board);

  private static MergedRun run(String name, String... agents) throws Exception {
    RunParts parts = new RunParts(name);
    for (int part = 0; part < agents.length; part++) {
      for (ShareRecord shared : TestShares.of(name, part, agents[part]).records(Shares.of(1, 2))) {
        parts.add(shared);
      }
    }
    return parts.merge(1).orElseThrow();
  }

  @Test
  void agents_ofSeveralRuns_countOnce() throws Exception {
    merged.publish(0, run("one", "a", "b", "a"));
    merged.publish(1, run("two", "b", "c"));
    assertThat(merged.agents()).isEqualTo(3);
    merged.remove("two");
    assertThat(merged.agents()).isEqualTo(2);
  }

  @Test
  void task_thatGoesElsewhere_takesItsRunsAlong() throws Exception {
    merged.taken(0);
    merged.taken(1);
    merged.publish(0, run("one", "a"));
    merged.publish(1, run("two", "a"));
    merged.givenUp(0);
    assertThat(board.runs()).as("until it is settled where it goes").containsOnlyKeys("one", "two");
    merged.settled();
    assertThat(board.runs()).containsOnlyKeys("two");
  }

  @Test
  void task_thatComesBackInANewThread_leavesNoGap() throws Exception {
    merged.taken(0);
    merged.publish(0, run("one", "a"));
    merged.givenUp(0);
    merged.taken(0);
    merged.settled();
    assertThat(board.runs()).containsOnlyKeys("one");
    assertThat(board.history("one")).hasSize(1);
  }

  @Test
  void diagonal_ofARun_isShownWithItsNextSnapshot() throws Exception {
    DiagonalFigure figure = new DiagonalFigure(Map.of(0.5, 1.0), Map.of(), Map.of(), Map.of());
    RunSnapshot of = run("one", "a").snapshot();
    merged.diagonal(of, Map.of("head", figure));
    assertThat(merged.isRepainted("one")).as("an unknown run").isFalse();
    merged.publish(0, run("one", "a"));
    merged.diagonal(ofAttempt(of, of.attempt() + 1), Map.of("head", figure));
    assertThat(merged.isRepainted("one")).as("another attempt").isFalse();
    merged.diagonal(of, Map.of("head", figure));
    assertThat(merged.isRepainted("one")).isTrue();
    merged.publish(0, run("one", "a"));
    assertThat(merged.isRepainted("one")).isFalse();
    assertThat(board.run("one").orElseThrow().figures().layers())
        .filteredOn(layer -> layer.diagonal().isPresent())
        .singleElement()
        .matches(layer -> layer.layer().equals("head"));
  }

  private static RunSnapshot ofAttempt(RunSnapshot run, int attempt) {
    return new RunSnapshot(
        run.run(),
        attempt,
        run.step(),
        run.batchStep(),
        run.checkpointTimeSeconds(),
        run.estimateTimeSeconds(),
        run.effectiveBatches(),
        run.lagSteps(),
        run.ended(),
        run.figures());
  }
}
