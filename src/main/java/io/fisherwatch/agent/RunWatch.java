package io.fisherwatch.agent;

import io.fisherwatch.event.CheckpointEvent;
import io.fisherwatch.event.CloudEventCodec;
import io.fisherwatch.event.EventMessage;
import io.fisherwatch.event.RejectedEventException;
import io.fisherwatch.monitor.FisherMonitor;
import io.fisherwatch.safetensors.TensorSource;
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
 * What is kept of one run, or of a part of one: its attempt, its checkpoint in force, its figures,
 * and how it is saved and goes on. Events come on one thread; the diagonal and the state may be
 * asked for on others.
 */
abstract class RunWatch implements AutoCloseable, Residents.Resident {

  private final String name;
  final Workshop workshop;
  final Clock clock;
  final RecentIds recent = new RecentIds();
  final Residence residence;

  /** Held while the model works or is read. */
  final ReentrantLock lock = new ReentrantLock();

  int attempt = 1;
  long step = -1;
  long batchStep;
  double checkpointTime;
  @Nullable Instant endedAt;
  @Nullable CheckpointEvent inForce;
  @Nullable String refused;
  @Nullable RunSnapshot published;

  /** Grows with every change; what a snapshot has of it is that of {@link #stored}. */
  long version;

  private long storedVersion = -1;
  private @Nullable StoredRun stored;

  /** What has been written since the last capture; left here by the thread that writes. */
  private final AtomicReference<@Nullable Written> written = new AtomicReference<>();

  volatile boolean closed;

  private record Written(RunCapture capture, StoredRun entry, Path file) {}

  /**
   * @param name under which it is shown and saved
   */
  RunWatch(String name, Workshop workshop, Clock clock) {
    this.name = name;
    this.workshop = workshop;
    this.clock = clock;
    this.residence = new Residence(name, workshop, this);
  }

  /**
   * Goes on from a snapshot.
   *
   * @param entry of the snapshot
   * @param file in which its state lies
   */
  void restore(RunRecord record, StoredRun entry, Path file)
      throws RejectedEventException, IOException {
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
        EventMessage message = CloudEventCodec.structured(run(), record.checkpoint().get());
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

  /** The run's name, as its events have it. */
  abstract String run();

  /** What is saved of it besides what every run has. Called with the lock held. */
  List<TensorSource> besides() {
    return List.of();
  }

  /** Why a batch cannot be used, whose checkpoint's weights could not be brought back. */
  static RejectedEventException unavailable(CheckpointEvent checkpoint, RejectedEventException e) {
    return new RejectedEventException(
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
  void leaveLock() {
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
              name,
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
      Residence.Saved saved = residence.save().with(besides());
      return RunCapture.of(record, checkpointStep, version, saved, history);
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

  RunSnapshot publish(FisherMonitor watching) {
    RunSnapshot next =
        new RunSnapshot(
            name,
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

  Optional<Figures> figures() {
    return Optional.ofNullable(published).map(RunSnapshot::figures);
  }

  /** Forgets everything but the events seen: another attempt begins. */
  void beginAttempt(int number) {
    attempt = number;
    endedAt = null;
    step = -1;
    refused = null;
    inForce = null;
    residence.reset();
  }

  static double seconds(Instant instant) {
    return instant.toEpochMilli() / 1000.0;
  }

  /** Lets go of everything: at once, or, if an event is at work on it, when that ends. */
  @Override
  public void close() {
    closed = true;
    closeIfIdle();
  }
}
