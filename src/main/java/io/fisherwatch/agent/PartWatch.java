package io.fisherwatch.agent;

import io.fisherwatch.event.BatchEvent;
import io.fisherwatch.event.CheckpointEvent;
import io.fisherwatch.event.RejectedEventException;
import io.fisherwatch.monitor.Batch;
import io.fisherwatch.monitor.FisherMonitor;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.safetensors.TensorSource;
import io.fisherwatch.share.DiagonalReference;
import io.fisherwatch.share.Part;
import io.fisherwatch.share.ShareStamp;
import io.fisherwatch.snapshot.RunSnapshot;
import io.fisherwatch.state.RunRecord;
import io.fisherwatch.state.StoredRun;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * One input partition's part of a run that is spread over many. Each batch says which checkpoint it
 * belongs to; the newest that a batch has named is in force, and ages what came before by the
 * checkpoints between. A batch of an earlier one, which is late, is worked on with that one's
 * weights and enters aged.
 */
final class PartWatch extends RunWatch {

  private final PartName name;

  /** Of the checkpoint in force, within its attempt; −1 before the first. */
  private long ordinal = -1;

  /** Of the latest checkpoint that was refused. */
  private long refusedOrdinal = -1;

  /** What has been accumulated up to the latest batch, under a stamp without epoch and sequence. */
  private @Nullable Part latest;

  /** Whether the latest is not published as it is. */
  private volatile boolean ahead;

  private volatile @Nullable Captured captured;
  private final AtomicReference<@Nullable Held> diagonal = new AtomicReference<>();

  /** What is being written. */
  private record Captured(long version, int attempt, long ordinal, boolean withDiagonal) {}

  /** Where an attempt's diagonal lies. */
  private record Held(int attempt, DiagonalReference reference) {}

  PartWatch(PartName name, Workshop workshop, Clock clock) {
    super(name.toString(), workshop, clock);
    this.name = name;
    this.attempt = 0;
  }

  @Override
  String run() {
    return name.run();
  }

  /** Whether an event has been here before; it is not remembered. */
  boolean isKnown(String source, String id) {
    lock.lock();
    try {
      return recent.isKnown(source, id);
    } finally {
      leaveLock();
    }
  }

  /**
   * Whether the part knows of later checkpoints than somebody else.
   *
   * @param newest that the other one knows of the run
   */
  boolean isAheadOf(CheckpointBook.Entry newest) {
    lock.lock();
    try {
      return attempt > newest.attempt()
          || (attempt == newest.attempt() && ordinal > newest.ordinal());
    } finally {
      leaveLock();
    }
  }

  /**
   * Estimates on a batch at its own checkpoint.
   *
   * @param at that checkpoint, of no earlier attempt than the part's
   * @return the part's new figures; empty if the batch does not count any more, or the part has
   *     been closed
   */
  Optional<RunSnapshot> batch(BatchEvent event, CheckpointBook.Entry at, long offset)
      throws RejectedEventException {
    lock.lock();
    try {
      if (closed) {
        return Optional.empty();
      }
      version++;
      if (at.attempt() > attempt) {
        beginAttempt(at.attempt());
      }
      if (at.ordinal() > ordinal) {
        advance(at);
      }
      double age = left(ordinal - at.ordinal());
      if (age == 0 || !isSameQuestion(at)) {
        return Optional.empty();
      }
      return Optional.of(estimate(event, at.event(), age, offset));
    } catch (ModelException e) {
      throw new RejectedEventException(e.code(), e.getMessage(), e);
    } finally {
      leaveLock();
    }
  }

  private boolean isSameQuestion(CheckpointBook.Entry at) throws RejectedEventException {
    CheckpointEvent force = inForce;
    return at.ordinal() == ordinal
        || (force != null && residence.isSameQuestion(at.event(), force));
  }

  /** Puts a newer checkpoint in force. */
  private void advance(CheckpointBook.Entry at) throws RejectedEventException {
    if (at.ordinal() == refusedOrdinal) {
      throw new RejectedEventException(
          "checkpoint-unavailable", "the batch's checkpoint was refused (" + refused + ")");
    }
    double decay = left(at.ordinal() - Math.max(ordinal, 0));
    try {
      residence.install(at.event(), Optional.ofNullable(inForce), figures(), decay);
    } catch (RejectedEventException e) {
      refuse(at, e.code() + ": " + e.getMessage());
      throw e;
    } catch (RuntimeException e) {
      refuse(at, "internal-error: " + e);
      throw e;
    }
    ordinal = at.ordinal();
    inForce = at.event();
    step = at.event().step();
    checkpointTime = seconds(at.event().origin().time().orElse(clock.instant()));
  }

  /** What so many checkpoints leave of the weight of everything before them. */
  private double left(long checkpoints) {
    return Math.pow(workshop.decay(), (double) checkpoints);
  }

  private void refuse(CheckpointBook.Entry at, String reason) {
    refusedOrdinal = at.ordinal();
    refused = reason;
  }

  private RunSnapshot estimate(BatchEvent event, CheckpointEvent at, double age, long offset)
      throws RejectedEventException, ModelException {
    try {
      residence.hold(at, figures());
    } catch (RejectedEventException e) {
      throw unavailable(at, e);
    }
    Batch batch = BatchTensors.of(event, workshop).select(at, residence.model());
    String digest = residence.graphDigest().orElseThrow();
    workshop.graphs().rehearse(digest, at.logits(), batch.inputs());
    FisherMonitor watching = residence.monitor();
    long[] key = {run().hashCode(), name.partition(), offset};
    if (age == 1) {
      watching.observe(batch, event.step(), key);
    } else {
      watching.observeLate(batch, event.step(), age, key);
    }
    batchStep = Math.max(batchStep, event.step());
    RunSnapshot figures = publish(watching);
    if (endedAt != null) {
      figures = figures.asEnded(step);
      published = figures;
    }
    latest = new Part(stamp(), watching.share());
    ahead = true;
    return figures;
  }

  /** Of what has come so far; whoever publishes it adds whose it is. */
  private ShareStamp stamp() {
    CheckpointEvent force = inForce;
    return new ShareStamp(
        run(),
        name.partition(),
        1,
        1,
        "state",
        attempt,
        ordinal,
        force == null ? -1 : force.step(),
        batchStep,
        checkpointTime,
        workshop.decay(),
        endedAt != null,
        Optional.empty());
  }

  @Override
  void beginAttempt(int number) {
    super.beginAttempt(number);
    ordinal = -1;
    refusedOrdinal = -1;
    batchStep = 0;
    latest = null;
    diagonal.set(null);
  }

  /**
   * Ends the part, if the book says that its attempt is over.
   *
   * @return its last figures; empty if it is not over, has been ended before, or has none
   */
  Optional<RunSnapshot> endIfOver(CheckpointBook book) {
    lock.lock();
    try {
      if (closed || endedAt != null || attempt == 0) {
        return Optional.empty();
      }
      OptionalLong lastStep = book.lastStep(run(), attempt);
      if (lastStep.isEmpty()) {
        return Optional.empty();
      }
      version++;
      endedAt = clock.instant();
      step = Math.max(step, lastStep.getAsLong());
      residence.freeze(figures());
      RunSnapshot last = published;
      if (last == null || last.attempt() != attempt) {
        return Optional.empty();
      }
      published = last.asEnded(step);
      ahead = latest != null;
      return Optional.of(published);
    } finally {
      leaveLock();
    }
  }

  /** Whether there is something to publish that has not been. */
  boolean isAhead() {
    return ahead;
  }

  /** What is to be published, with the stamp of this publication; empty before the first batch. */
  Optional<Part> publication(long epoch, long sequence, String agent) {
    lock.lock();
    try {
      ahead = false;
      return Optional.ofNullable(latest)
          .map(
              part ->
                  new Part(
                      PartState.stamp(
                          part.stamp(),
                          epoch,
                          sequence,
                          agent,
                          endedAt != null,
                          Optional.ofNullable(diagonal.get())
                              .filter(held -> held.attempt == attempt)
                              .map(Held::reference)),
                      part.share()));
    } finally {
      leaveLock();
    }
  }

  @Override
  List<TensorSource> besides() {
    captured = new Captured(version, attempt, ordinal, latest != null);
    return PartState.tensors(ordinal, refusedOrdinal, Optional.ofNullable(latest));
  }

  @Override
  void stored(RunCapture capture, StoredRun entry, Path file) {
    super.stored(capture, entry, file);
    Captured written = captured;
    if (written != null && written.version == capture.version() && written.withDiagonal) {
      refer(file, written.attempt, written.ordinal);
    }
  }

  private void refer(Path file, int ofAttempt, long at) {
    if (workshop.settings().diagonals().isEmpty() || at < 0) {
      return;
    }
    diagonal.set(new Held(ofAttempt, new DiagonalReference(file.toUri().toString(), at)));
    ahead = true;
  }

  @Override
  void restore(RunRecord record, StoredRun entry, Path file)
      throws RejectedEventException, IOException {
    super.restore(record, entry, file);
    PartState state = PartState.read(run(), file);
    lock.lock();
    try {
      ordinal = state.ordinal();
      refusedOrdinal = state.refusedOrdinal();
      latest = state.latest().orElse(null);
      if (latest != null) {
        ahead = true;
        refer(file, attempt, ordinal);
      }
    } finally {
      leaveLock();
    }
  }
}
