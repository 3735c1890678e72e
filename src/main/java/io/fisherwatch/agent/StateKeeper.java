package io.fisherwatch.agent;

import io.fisherwatch.snapshot.SnapshotBoard;
import io.fisherwatch.state.Claim;
import io.fisherwatch.state.LostClaimException;
import io.fisherwatch.state.StoredRun;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.DoubleConsumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes snapshots of partitions: what they are made of is copied between two events, and written
 * on a thread of its own while the next ones are handled. One at a time.
 */
final class StateKeeper implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(StateKeeper.class);
  private static final long LAST_SECONDS = 60;

  private final SnapshotBoard board;
  private final long intervalNanos;
  private final LongSupplier nanoTime;
  private final DoubleConsumer written;
  private final ExecutorService writer =
      Executors.newSingleThreadExecutor(
          task -> {
            Thread thread = new Thread(task, "fisherwatch-state");
            thread.setDaemon(true);
            return thread;
          });
  private @Nullable Future<?> writing;
  private long last;
  private volatile @Nullable String problem;

  /**
   * @param intervalNanos between two snapshots at least
   * @param written hears how many seconds each took, its copy and its write
   */
  StateKeeper(
      SnapshotBoard board, long intervalNanos, LongSupplier nanoTime, DoubleConsumer written) {
    this.board = board;
    this.intervalNanos = intervalNanos;
    this.nanoTime = nanoTime;
    this.written = written;
    this.last = nanoTime.getAsLong();
  }

  /** Begins a snapshot of partitions if it is time; to be called between two events. */
  synchronized void writeIfDue(Iterable<PartitionWatch> partitions) {
    Future<?> current = writing;
    boolean busy = current != null && !current.isDone();
    if (busy || nanoTime.getAsLong() - last < intervalNanos) {
      return;
    }
    last = nanoTime.getAsLong();
    for (PartitionWatch partition : partitions) {
      if (partition.isAhead() && !partition.isInHand()) {
        draft(partition).ifPresent(draft -> writing = writer.submit(() -> write(draft)));
      }
    }
  }

  /** Writes what a partition has come to before it goes, and waits until that is done. */
  synchronized void writeNow(PartitionWatch partition) {
    if (partition.isInHand()) {
      return;
    }
    await(writing);
    if (partition.isAhead()) {
      draft(partition).ifPresent(draft -> await(writer.submit(() -> write(draft))));
    }
  }

  private static void await(@Nullable Future<?> future) {
    if (future == null) {
      return;
    }
    try {
      future.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (ExecutionException e) {
      throw new IllegalStateException("writing state failed: " + e.getCause(), e);
    }
  }

  /** A partition as it was at one moment. */
  private record Draft(
      PartitionWatch partition,
      Claim claim,
      long offset,
      Map<String, Long> events,
      Map<RunWatch, RunCapture> runs,
      long startNanos) {}

  private Optional<Draft> draft(PartitionWatch partition) {
    Optional<Claim> claim = partition.claim();
    if (claim.isEmpty() || partition.isGone()) {
      return Optional.empty();
    }
    long start = nanoTime.getAsLong();
    Map<RunWatch, RunCapture> captures = new LinkedHashMap<>();
    try {
      for (Map.Entry<String, RunWatch> run : partition.runs().entrySet()) {
        captures.put(run.getValue(), run.getValue().capture(board.history(run.getKey())));
      }
      return Optional.of(
          new Draft(
              partition, claim.get(), partition.offset(), partition.events(), captures, start));
    } catch (IOException | RuntimeException e) {
      close(captures);
      LOG.error("the state of {} cannot be copied, the last snapshot stands", partition, e);
      return Optional.empty();
    }
  }

  private void write(Draft draft) {
    try {
      List<StoredRun> runs = new ArrayList<>();
      for (RunCapture capture : draft.runs().values()) {
        if (draft.partition().isGone()) {
          return;
        }
        runs.add(capture.writeTo(draft.claim()));
        capture.close();
      }
      draft.claim().write(draft.offset(), draft.events(), runs);
      draft.partition().written(draft.offset());
      tellRuns(draft, runs);
      runs.forEach(run -> tellBoard(draft, run.run()));
      problem = null;
      written.accept((nanoTime.getAsLong() - draft.startNanos()) * 1e-9);
    } catch (LostClaimException e) {
      LOG.warn("the state of {} is not ours any more: {}", draft.partition(), e.getMessage());
      draft.partition().leave();
    } catch (IOException | RuntimeException e) {
      failed(draft, e);
    } finally {
      close(draft.runs());
    }
  }

  /** What has been written of it would take the room that the next one needs. */
  private void failed(Draft draft, Exception e) {
    String message =
        "the state of %s cannot be written, the last snapshot stands: %s"
            .formatted(draft.partition(), e);
    problem = message;
    LOG.error(message, e instanceof IOException ? null : e);
    try {
      draft.claim().removeUnnamed();
    } catch (IOException | UncheckedIOException again) {
      LOG.warn("what was written cannot be removed: {}", again.toString());
    }
  }

  /** Why the latest snapshot could not be written, if it could not. */
  Optional<String> problem() {
    return Optional.ofNullable(problem);
  }

  private void tellBoard(Draft draft, String run) {
    if (!draft.partition().isGone()) {
      draft.claim().durableStep(run).ifPresent(step -> board.durable(run, step));
    }
  }

  private static void tellRuns(Draft draft, List<StoredRun> runs) {
    int index = 0;
    for (Map.Entry<RunWatch, RunCapture> entry : draft.runs().entrySet()) {
      StoredRun stored = runs.get(index++);
      if (entry.getValue().isChanged()) {
        entry
            .getKey()
            .stored(
                entry.getValue(), stored, draft.claim().folder().resolve(stored.state().name()));
      }
    }
  }

  private static void close(Map<RunWatch, RunCapture> captures) {
    for (RunCapture capture : captures.values()) {
      try {
        capture.close();
      } catch (IOException e) {
        LOG.warn("a captured run cannot be closed: {}", e.getMessage());
      }
    }
  }

  @Override
  public void close() {
    writer.shutdown();
    try {
      if (!writer.awaitTermination(LAST_SECONDS, TimeUnit.SECONDS)) {
        LOG.error("the last state was not written within {} s", LAST_SECONDS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
