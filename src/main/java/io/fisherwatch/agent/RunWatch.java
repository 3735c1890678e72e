package io.fisherwatch.agent;

import io.fisherwatch.event.BatchEvent;
import io.fisherwatch.event.CheckpointEvent;
import io.fisherwatch.event.CloudEventCodec;
import io.fisherwatch.event.EventMessage;
import io.fisherwatch.event.RejectedEventException;
import io.fisherwatch.event.RunEndedEvent;
import io.fisherwatch.monitor.Batch;
import io.fisherwatch.monitor.FisherMonitor;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.snapshot.Figures;
import io.fisherwatch.snapshot.HistoryPoint;
import io.fisherwatch.snapshot.RunSnapshot;
import io.fisherwatch.state.RunRecord;
import io.fisherwatch.state.StoredRun;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * One run: its attempts, its checkpoint in force, its figures. Events come on one thread; the
 * diagonal and the state may be asked for on others.
 */
final class RunWatch implements AutoCloseable, Residents.Resident {

  private final String run;
  private final Workshop workshop;
  private final Clock clock;
  private final RecentIds recent = new RecentIds();
  private final Residence residence;

  /** Held while the model works or is read. */
  private final ReentrantLock lock = new ReentrantLock();

  private int attempt = 1;
  private long step = -1;
  private long batchStep;
  private double checkpointTime;
  private @Nullable Instant endedAt;
  private @Nullable CheckpointEvent inForce;
  private @Nullable String refused;
  private @Nullable RunSnapshot published;

  /** Grows with every change; what a snapshot has of it is that of {@link #stored}. */
  private long version;

  private long storedVersion = -1;
  private @Nullable StoredRun stored;

  /** What has been written since the last capture; left here by the thread that writes. */
  private final AtomicReference<@Nullable Written> written = new AtomicReference<>();

  private volatile boolean closed;

  private record Written(RunCapture capture, StoredRun entry, Path file) {}

  RunWatch(String run, Workshop workshop, Clock clock) {
    this.run = run;
    this.workshop = workshop;
    this.clock = clock;
    this.residence = new Residence(run, workshop, this);
  }

  /**
   * Goes on from a snapshot.
   *
   * @param entry of the snapshot
   * @param file in which its state lies
   */
  void restore(RunRecord record, StoredRun entry, Path file) throws RejectedEventException {
    lock.lock();
    try {
      attempt = record.attempt();
      step = record.step();
      batchStep = record.batchStep();
      checkpointTime = record.checkpointTimeSeconds();
      endedAt = record.endedAtMillis().map(Instant::ofEpochMilli).orElse(null);
      refused = record.refused().orElse(null);
      published = record.snapshot().orElse(null);
      recent.remember(record.recent());
      if (record.checkpoint().isPresent()) {
        EventMessage message = CloudEventCodec.structured(run, record.checkpoint().get());
        inForce = (CheckpointEvent) CloudEventCodec.decode(message);
      }
      residence.restore(file, record.graphDigest(), figures());
      stored = entry;
      storedVersion = version;
    } finally {
      leaveLock();
    }
  }

  /** Remembers an event and tells whether it had been here before. */
  boolean isRepetition(String source, String id) {
    lock.lock();
    try {
      boolean known = recent.seen(source, id);
      version += known ? 0 : 1;
      return known;
    } finally {
      leaveLock();
    }
  }

  /** Puts a checkpoint in force. */
  void checkpoint(CheckpointEvent event) throws RejectedEventException {
    lock.lock();
    try {
      if (closed) {
        return;
      }
      version++;
      if (endedAt != null || event.step() < step) {
        beginAttempt();
      }
      step = event.step();
      try {
        residence.install(event, Optional.ofNullable(inForce), figures());
        refused = null;
        inForce = event;
        checkpointTime = seconds(event.origin().time().orElse(clock.instant()));
      } catch (RejectedEventException e) {
        refused = e.code() + ": " + e.getMessage();
        throw e;
      } catch (RuntimeException e) {
        refused = "internal-error: " + e;
        throw e;
      }
    } finally {
      leaveLock();
    }
  }

  /**
   * Estimates on a batch at the checkpoint in force.
   *
   * @return the run's new figures; empty if it has been closed
   */
  Optional<RunSnapshot> batch(BatchEvent event, long partition, long offset)
      throws RejectedEventException {
    lock.lock();
    try {
      if (closed) {
        return Optional.empty();
      }
      version++;
      if (endedAt != null) {
        beginAttempt();
      }
      CheckpointEvent checkpoint = inForce;
      if (refused != null) {
        throw new RejectedEventException(
            "checkpoint-unavailable", "the run's latest checkpoint was refused (" + refused + ")");
      }
      if (checkpoint == null) {
        throw new RejectedEventException(
            "no-checkpoint", "no checkpoint of run '" + run + "' precedes this batch");
      }
      wake(checkpoint);
      Batch batch = BatchTensors.of(event, workshop).select(checkpoint, residence.model());
      String digest = residence.graphDigest().orElseThrow();
      workshop.graphs().rehearse(digest, checkpoint.logits(), batch.inputs());
      FisherMonitor watching = residence.monitor();
      watching.observe(batch, event.step(), run.hashCode(), partition, offset);
      batchStep = event.step();
      return Optional.of(publish(watching));
    } catch (ModelException e) {
      throw new RejectedEventException(e.code(), e.getMessage(), e);
    } finally {
      leaveLock();
    }
  }

  private void wake(CheckpointEvent checkpoint) throws RejectedEventException {
    try {
      residence.wake(checkpoint, figures());
    } catch (RejectedEventException e) {
      throw new RejectedEventException(
          "checkpoint-unavailable",
          "the model has to be loaded again, but its checkpoint of step "
              + checkpoint.step()
              + " is not to be had any more ("
              + e.code()
              + ": "
              + e.getMessage()
              + ")",
          e);
    }
  }

  /** Ends the run: its model goes, its figures and its diagonal stay for a while. */
  Optional<RunSnapshot> end(RunEndedEvent event) {
    lock.lock();
    try {
      version++;
      if (endedAt != null) {
        beginAttempt();
      }
      endedAt = clock.instant();
      step = Math.max(step, event.step());
      RunSnapshot last = published;
      residence.freeze(figures());
      inForce = null;
      if (last == null || last.attempt() != attempt) {
        return Optional.empty();
      }
      RunSnapshot ending = last.asEnded(step);
      published = ending;
      return Optional.of(ending);
    } finally {
      leaveLock();
    }
  }

  /** When the run ended, if it has. */
  Optional<Instant> endedAt() {
    lock.lock();
    try {
      return Optional.ofNullable(endedAt);
    } finally {
      leaveLock();
    }
  }

  /** A run that was closed while it was at work closes now. */
  private void leaveLock() {
    lock.unlock();
    closeIfIdle();
  }

  private void closeIfIdle() {
    if (closed && lock.tryLock()) {
      try {
        residence.close();
      } finally {
        lock.unlock();
      }
    }
  }

  @Override
  public void leave() {
    lock.lock();
    try {
      residence.freeze(figures());
    } finally {
      leaveLock();
    }
  }

  /**
   * The run as it is now, for a snapshot.
   *
   * @param history of the run
   */
  RunCapture capture(List<HistoryPoint> history) throws IOException {
    lock.lock();
    try {
      noteWritten();
      CheckpointEvent checkpoint = inForce;
      long checkpointStep = checkpoint == null ? -1 : checkpoint.step();
      if (version == storedVersion && stored != null) {
        return RunCapture.unchanged(stored);
      }
      RunRecord record =
          new RunRecord(
              run,
              attempt,
              step,
              batchStep,
              checkpointTime,
              Optional.ofNullable(endedAt).map(Instant::toEpochMilli),
              Optional.ofNullable(refused),
              Optional.ofNullable(checkpoint).map(CloudEventCodec::structuredText),
              residence.graphDigest(),
              recent.list(),
              Optional.ofNullable(published));
      return RunCapture.of(record, checkpointStep, version, residence.save(), history);
    } finally {
      leaveLock();
    }
  }

  /** What was captured is in a snapshot, its state in a file. By any thread; takes no lock. */
  void stored(RunCapture capture, StoredRun entry, Path file) {
    written.set(new Written(capture, entry, file));
  }

  private void noteWritten() {
    Written news = written.getAndSet(null);
    if (news != null) {
      storedVersion = news.capture().version();
      stored = news.entry();
      news.capture().origin().ifPresent(origin -> residence.moved(origin, news.file()));
    }
  }

  /**
   * Writes the running diagonal. It goes to a file first, so that a slow reader does not hold up
   * the run.
   */
  boolean writeDiagonal(OutputStream out) throws IOException {
    Optional<Path> file;
    lock.lock();
    try {
      file = workshop.spool(residence::writeDiagonal);
    } finally {
      leaveLock();
    }
    if (file.isEmpty()) {
      return false;
    }
    try (InputStream in = Files.newInputStream(file.get())) {
      in.transferTo(out);
      return true;
    } finally {
      Files.deleteIfExists(file.get());
    }
  }

  private RunSnapshot publish(FisherMonitor watching) {
    RunSnapshot next =
        new RunSnapshot(
            run,
            attempt,
            step,
            batchStep,
            checkpointTime,
            seconds(clock.instant()),
            watching.effectiveBatches(),
            watching.lagSteps(Math.max(step, batchStep)),
            false,
            watching.figures());
    published = next;
    return next;
  }

  private Optional<Figures> figures() {
    return Optional.ofNullable(published).map(RunSnapshot::figures);
  }

  private void beginAttempt() {
    attempt++;
    endedAt = null;
    step = -1;
    refused = null;
    inForce = null;
    residence.reset();
  }

  private static double seconds(Instant instant) {
    return instant.toEpochMilli() / 1000.0;
  }

  /** Lets go of everything: at once, or, if an event is at work on it, when that ends. */
  @Override
  public void close() {
    closed = true;
    closeIfIdle();
  }
}
