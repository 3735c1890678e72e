package io.fisherwatch.agent;

import io.fisherwatch.event.CheckpointEvent;
import io.fisherwatch.event.RunEndedEvent;
import io.fisherwatch.event.TrainingEvent;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.BooleanSupplier;

/**
 * What is known of the checkpoints and ends of all runs: for each run its attempt, the ordinals of
 * its checkpoints, and the latest of them. All who have read the topic from its first record know
 * the same. Safe for use by many threads.
 */
final class CheckpointBook {

  /** How often somebody who waits looks whether to give up. */
  private static final long LOOK_MILLIS = 100;

  /**
   * A checkpoint and its place.
   *
   * @param attempt from 1
   * @param ordinal within the attempt, from 0
   */
  record Entry(CheckpointEvent event, int attempt, long ordinal) {}

  private final Map<String, BookPage> pages = new HashMap<>();

  /** Takes in the next event of its run; a repetition or a batch says nothing. */
  synchronized void take(TrainingEvent event) {
    BookPage page = pages.computeIfAbsent(event.run(), run -> new BookPage());
    if (page.isRepetition(event.origin())) {
      return;
    }
    if (event instanceof CheckpointEvent checkpoint) {
      page.checkpoint(checkpoint);
    } else if (event instanceof RunEndedEvent end) {
      page.ended(end.step());
    }
    notifyAll();
  }

  /**
   * The latest checkpoint of a run at a step; one of an earlier attempt only if there is no other.
   */
  synchronized Optional<Entry> find(String run, long step) {
    BookPage page = pages.get(run);
    return page == null ? Optional.empty() : page.find(step);
  }

  /** The latest checkpoint of a run, of whatever attempt. */
  synchronized Optional<Entry> latest(String run) {
    BookPage page = pages.get(run);
    return page == null ? Optional.empty() : page.latest();
  }

  /** Whether an entry is of its run's newest attempt. */
  synchronized boolean isOfNewestAttempt(Entry entry) {
    BookPage page = pages.get(entry.event().run());
    return page != null && page.attempt() == entry.attempt();
  }

  /**
   * Whether no checkpoint at a step can come any more: it would be earlier than all that are kept.
   */
  synchronized boolean isForgotten(String run, long step) {
    BookPage page = pages.get(run);
    return page != null && page.isForgotten(step);
  }

  /** The last step of an attempt that is over: it was ended, or another one has begun. */
  synchronized OptionalLong lastStep(String run, int attempt) {
    BookPage page = pages.get(run);
    return page == null ? OptionalLong.empty() : page.lastStep(attempt);
  }

  /**
   * Waits until a checkpoint of the newest attempt is known.
   *
   * @param givenUp looks whether to give up, several times a second
   * @return empty if the time ran out, or it was given up
   */
  synchronized Optional<Entry> await(String run, long step, Duration time, BooleanSupplier givenUp)
      throws InterruptedException {
    long deadline = System.nanoTime() + time.toNanos();
    Optional<Entry> found = newest(run, step);
    while (found.isEmpty() && !givenUp.getAsBoolean()) {
      long left = (deadline - System.nanoTime()) / 1_000_000;
      if (left <= 0) {
        return Optional.empty();
      }
      wait(Math.min(left, LOOK_MILLIS));
      found = newest(run, step);
    }
    return found;
  }

  private Optional<Entry> newest(String run, long step) {
    return find(run, step).filter(this::isOfNewestAttempt);
  }
}
