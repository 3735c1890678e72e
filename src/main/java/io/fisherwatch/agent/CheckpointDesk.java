package io.fisherwatch.agent;

import io.fisherwatch.event.EventAbandonedException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;

/**
 * Where batches ask for their checkpoints, and wait for those that are not known yet. Patience is
 * counted from the first batch that waits for a checkpoint, so that one that never comes holds up
 * its batches once; and once for a whole run while no checkpoint of it comes. For one thread.
 */
final class CheckpointDesk {

  /** For a checkpoint that only an earlier attempt had: the batch is late, or the book is. */
  private static final Duration DOUBT = Duration.ofSeconds(5);

  private static final int MOST_REMEMBERED = 1_000;

  /** Sees to it that the book holds all that has been published by now. */
  @FunctionalInterface
  interface Refresh {

    /** Does so, if it can within a while. */
    void run() throws InterruptedException;
  }

  /** What is waited for. */
  private sealed interface Wanted {}

  /**
   * A step's checkpoint.
   *
   * @param attempt the newest that is known of the run
   */
  private record OfStep(String run, long step, Optional<Integer> attempt) implements Wanted {}

  /**
   * Whatever may come of a run.
   *
   * @param latest checkpoint that is known of it
   */
  private record OfRun(String run, Optional<CheckpointBook.Entry> latest) implements Wanted {}

  private final CheckpointBook book;
  private final Refresh refresh;
  private final Duration patience;
  private final LongSupplier nanoTime;
  private final Map<Wanted, Long> waitingSince = new LinkedHashMap<>();

  /**
   * @param patience with a checkpoint that is not known yet
   */
  CheckpointDesk(CheckpointBook book, Refresh refresh, Duration patience, LongSupplier nanoTime) {
    this.book = book;
    this.refresh = refresh;
    this.patience = patience;
    this.nanoTime = nanoTime;
  }

  /**
   * The checkpoint of a run at a step; of an earlier attempt only if the newest has had none for a
   * while.
   *
   * @param leaving looks whether the batch's partition goes, so that there is no more to wait for
   * @return empty if there is none, patience being at its end
   * @throws EventAbandonedException if the partition goes while the batch waits
   */
  Optional<CheckpointBook.Entry> find(String run, long step, BooleanSupplier leaving) {
    try {
      Optional<CheckpointBook.Entry> found = book.find(run, step);
      if (found.isPresent() && found.equals(book.latest(run)) && !isOver(run, found.get())) {
        return found;
      }
      // what was published before this batch says whether the checkpoint is what it seems
      refresh.run();
      found = book.find(run, step);
      boolean doubtful = found.isPresent() && !book.isOfNewestAttempt(found.get());
      boolean settled = found.isPresent() ? !doubtful : book.isForgotten(run, step);
      if (settled) {
        return found;
      }
      Duration limit = doubtful && DOUBT.compareTo(patience) < 0 ? DOUBT : patience;
      Optional<CheckpointBook.Entry> latest = book.latest(run);
      Wanted ofStep = new OfStep(run, step, latest.map(CheckpointBook.Entry::attempt));
      long since = Math.min(since(ofStep), since(new OfRun(run, latest)));
      Duration left = limit.minusNanos(nanoTime.getAsLong() - since);
      Optional<CheckpointBook.Entry> come = book.await(run, step, left, leaving);
      if (come.isPresent()) {
        waitingSince.remove(ofStep);
      }
      if (come.isEmpty() && leaving.getAsBoolean()) {
        throw new EventAbandonedException(
            "its partition goes while it waits for the checkpoint of step " + step);
      }
      return come.or(() -> book.find(run, step));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new EventAbandonedException(
          "interrupted while it waited for the checkpoint of step " + step);
    }
  }

  private boolean isOver(String run, CheckpointBook.Entry entry) {
    return book.lastStep(run, entry.attempt()).isPresent();
  }

  /** Sees to it that the book holds all that has been published by now, if it can. */
  void refresh() {
    try {
      refresh.run();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new EventAbandonedException("interrupted while it asked for checkpoints");
    }
  }

  private long since(Wanted wanted) {
    if (waitingSince.size() > MOST_REMEMBERED) {
      waitingSince.remove(waitingSince.keySet().iterator().next());
    }
    return waitingSince.computeIfAbsent(wanted, any -> nanoTime.getAsLong());
  }
}
