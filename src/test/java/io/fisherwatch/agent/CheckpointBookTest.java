package io.fisherwatch.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fisherwatch.event.CheckpointEvent;
import io.fisherwatch.event.EventAbandonedException;
import io.fisherwatch.event.FileReference;
import io.fisherwatch.event.LikelihoodSpec;
import io.fisherwatch.event.LogitsSelector;
import io.fisherwatch.event.Origin;
import io.fisherwatch.event.RunEndedEvent;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
class CheckpointBookTest {

  private static final String RUN = "a";

  private final CheckpointBook book = new CheckpointBook();
  private int sent;

  private CheckpointEvent checkpoint(String run, long step) {
    return new CheckpointEvent(
        run,
        step,
        new FileReference("file:///graph.pt", Optional.empty()),
        Optional.empty(),
        List.of("x"),
        LogitsSelector.FIRST,
        LikelihoodSpec.CATEGORICAL,
        List.of(),
        origin());
  }

  private Origin origin() {
    return new Origin("urn:test", Integer.toString(sent++), Optional.empty());
  }

  private void checkpoints(long... steps) {
    for (long step : steps) {
      book.take(checkpoint(RUN, step));
    }
  }

  private void end(long step) {
    book.take(new RunEndedEvent(RUN, step, true, origin()));
  }

  private void assertPlace(long step, int attempt, long ordinal) {
    CheckpointBook.Entry entry = book.find(RUN, step).orElseThrow();
    assertThat(entry.attempt()).as("attempt").isEqualTo(attempt);
    assertThat(entry.ordinal()).as("ordinal").isEqualTo(ordinal);
    assertThat(entry.event().step()).isEqualTo(step);
  }

  @Test
  void ordinals_ofOneAttempt_count() {
    checkpoints(0, 10, 20);
    book.take(checkpoint("b", 20));
    assertPlace(0, 1, 0);
    assertPlace(10, 1, 1);
    assertPlace(20, 1, 2);
    assertThat(book.find("b", 20).orElseThrow().ordinal()).isZero();
    assertThat(book.find(RUN, 30)).isEmpty();
    assertThat(book.find("c", 0)).isEmpty();
    assertThat(book.latest(RUN)).isEqualTo(book.find(RUN, 20));
  }

  @Test
  void ordinals_sameStepAgain_isTheNextCheckpoint() {
    checkpoints(0, 10, 10);
    assertPlace(10, 1, 2);
  }

  @Test
  void repetition_ofAnEvent_saysNothing() {
    CheckpointEvent event = checkpoint(RUN, 0);
    book.take(event);
    checkpoints(10);
    book.take(event);
    assertPlace(0, 1, 0);
    assertPlace(10, 1, 1);
    assertThat(book.isOfNewestAttempt(book.find(RUN, 10).orElseThrow())).isTrue();
  }

  @Test
  void step_thatGoesBack_beginsAnAttempt() {
    checkpoints(0, 10, 20);
    checkpoints(10);
    assertPlace(10, 2, 0);
    assertPlace(20, 1, 2);
    assertThat(book.isOfNewestAttempt(book.find(RUN, 20).orElseThrow())).isFalse();
    checkpoints(20);
    assertPlace(20, 2, 1);
  }

  @Test
  void end_ofARun_endsItsAttempt() {
    checkpoints(0, 10);
    assertThat(book.lastStep(RUN, 1)).isEmpty();
    end(19);
    assertThat(book.lastStep(RUN, 1)).hasValue(19);
    assertThat(book.lastStep(RUN, 2)).isEmpty();
    assertPlace(10, 1, 1);
    checkpoints(20);
    assertPlace(20, 2, 0);
    assertThat(book.lastStep(RUN, 1)).as("of an attempt that another has followed").hasValue(10);
    assertThat(book.lastStep(RUN, 2)).isEmpty();
    end(29);
    end(29);
    assertThat(book.lastStep(RUN, 3)).as("an end after an end begins one").hasValue(29);
  }

  @Test
  void checkpoints_kept_areTheLatest64() {
    for (long step = 0; step < 65; step++) {
      checkpoints(step);
    }
    assertThat(book.find(RUN, 0)).isEmpty();
    assertPlace(1, 1, 1);
    assertPlace(64, 1, 64);
    assertThat(book.isForgotten(RUN, 0)).isTrue();
    assertThat(book.isForgotten(RUN, 1)).isFalse();
    assertThat(book.isForgotten(RUN, 65)).isFalse();
    checkpoints(3);
    assertThat(book.isForgotten(RUN, 0)).as("of a new attempt").isFalse();
  }

  private CheckpointDesk desk(CheckpointDesk.Refresh refresh, Duration patience, AtomicLong now) {
    return new CheckpointDesk(book, refresh, patience, now::get);
  }

  @Test
  void desk_latestCheckpoint_isFoundWithoutAsking() {
    checkpoints(0);
    CheckpointDesk desk =
        desk(
            () -> {
              throw new AssertionError("asked");
            },
            Duration.ZERO,
            new AtomicLong());
    assertThat(desk.find(RUN, 0, () -> false)).isEqualTo(book.find(RUN, 0));
  }

  @Test
  void desk_checkpointThatLooksOld_isAskedForFirst() {
    checkpoints(0, 10);
    CheckpointDesk desk = desk(() -> checkpoints(0), Duration.ZERO, new AtomicLong());
    assertThat(desk.find(RUN, 0, () -> false).orElseThrow().attempt()).isEqualTo(2);
  }

  @Test
  void desk_lateBatch_findsItsCheckpointAtOnce() {
    checkpoints(0, 10);
    AtomicInteger asked = new AtomicInteger();
    CheckpointDesk desk = desk(asked::incrementAndGet, Duration.ofHours(1), new AtomicLong());
    assertThat(desk.find(RUN, 0, () -> false).orElseThrow().ordinal()).isZero();
    assertThat(asked).hasValue(1);
  }

  @Test
  void desk_checkpointThatComesLater_isWaitedFor() throws Exception {
    CheckpointDesk desk = desk(() -> {}, Duration.ofHours(1), new AtomicLong());
    AtomicInteger looks = new AtomicInteger();
    Thread trainer =
        new Thread(
            () -> {
              while (looks.get() == 0) {
                Thread.onSpinWait();
              }
              checkpoints(5);
            });
    trainer.start();
    Optional<CheckpointBook.Entry> found =
        desk.find(
            RUN,
            5,
            () -> {
              looks.incrementAndGet();
              return false;
            });
    trainer.join();
    assertThat(found.orElseThrow().event().step()).isEqualTo(5);
  }

  @Test
  void desk_patience_isCountedFromTheFirstBatchThatWaits() {
    AtomicLong now = new AtomicLong();
    CheckpointDesk desk = desk(() -> {}, Duration.ofMillis(300), now);
    assertThat(desk.find(RUN, 5, () -> false)).isEmpty();
    now.set(Duration.ofMillis(300).toNanos());
    long start = System.nanoTime();
    for (int batch = 0; batch < 200; batch++) {
      assertThat(desk.find(RUN, 5, () -> false)).isEmpty();
    }
    assertThat(1e-9 * (System.nanoTime() - start)).as("200 waits").isLessThan(30);
  }

  /** Patience is longer than the test may take: it never waits for it. */
  @Test
  @Timeout(20)
  void desk_runOfWhichNothingComes_isWaitedForOnce() {
    AtomicLong now = new AtomicLong();
    CheckpointDesk desk = desk(() -> {}, Duration.ofSeconds(100), now);
    checkpoints(0);
    assertThatThrownBy(() -> desk.find(RUN, 5, () -> true))
        .isInstanceOf(EventAbandonedException.class);
    now.set(Duration.ofSeconds(100).toNanos());
    assertThat(desk.find(RUN, 6, () -> false)).as("another step, no patience left").isEmpty();
    checkpoints(1);
    assertThatThrownBy(() -> desk.find(RUN, 6, countingTo(2)))
        .as("something came: another step may")
        .isInstanceOf(EventAbandonedException.class);
    assertThat(desk.find(RUN, 5, () -> false)).as("the step that was given up").isEmpty();
  }

  /** False until it has been asked so often. */
  private static BooleanSupplier countingTo(int last) {
    AtomicInteger asked = new AtomicInteger();
    return () -> asked.incrementAndGet() >= last;
  }

  @Test
  void desk_latestCheckpointOfAnEndedRun_isAskedForFirst() {
    checkpoints(0);
    end(0);
    CheckpointDesk desk = desk(() -> checkpoints(0), Duration.ZERO, new AtomicLong());
    assertThat(desk.find(RUN, 0, () -> false).orElseThrow().attempt()).isEqualTo(2);
  }

  @Test
  void desk_partitionThatLeaves_isNotHeldUp() {
    CheckpointDesk desk = desk(() -> {}, Duration.ofHours(1), new AtomicLong());
    assertThatThrownBy(() -> desk.find(RUN, 5, () -> true))
        .isInstanceOf(EventAbandonedException.class);
  }

  @Test
  void desk_forgottenCheckpoint_isNotWaitedFor() {
    for (long step = 0; step < 70; step++) {
      checkpoints(step);
    }
    CheckpointDesk desk = desk(() -> {}, Duration.ofHours(1), new AtomicLong());
    assertThat(desk.find(RUN, 2, () -> false)).isEmpty();
  }
}
