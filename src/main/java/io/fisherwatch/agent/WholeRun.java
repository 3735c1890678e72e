package io.fisherwatch.agent;

import io.fisherwatch.event.BatchEvent;
import io.fisherwatch.event.CheckpointEvent;
import io.fisherwatch.event.RejectedEventException;
import io.fisherwatch.event.RunEndedEvent;
import io.fisherwatch.monitor.Batch;
import io.fisherwatch.monitor.FisherMonitor;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.snapshot.RunSnapshot;
import java.time.Clock;
import java.util.Optional;

/** A run whose events all come in one partition, in their order. */
final class WholeRun extends RunWatch {

  private final String run;

  WholeRun(String run, Workshop workshop, Clock clock) {
    super(run, workshop, clock);
    this.run = run;
  }

  @Override
  String run() {
    return run;
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
        beginAttempt(attempt + 1);
      }
      step = event.step();
      try {
        residence.install(event, Optional.ofNullable(inForce), figures(), workshop.decay());
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
        beginAttempt(attempt + 1);
      }
      CheckpointEvent checkpoint = inForce;
      if (refused != null) {
        throw new RejectedEventException(
            "checkpoint-unavailable", "the run's latest checkpoint was refused (" + refused + ")");
      }
      if (checkpoint == null) {
        throw new RejectedEventException(
            "no-checkpoint", "no checkpoint of run '" + run() + "' precedes this batch");
      }
      wake(checkpoint);
      Batch batch = BatchTensors.of(event, workshop).select(checkpoint, residence.model());
      String digest = residence.graphDigest().orElseThrow();
      workshop.graphs().rehearse(digest, checkpoint.logits(), batch.inputs());
      FisherMonitor watching = residence.monitor();
      watching.observe(batch, event.step(), run().hashCode(), partition, offset);
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
      throw unavailable(checkpoint, e);
    }
  }

  /** Ends the run: its model goes, its figures and its diagonal stay for a while. */
  Optional<RunSnapshot> end(RunEndedEvent event) {
    lock.lock();
    try {
      version++;
      if (endedAt != null) {
        beginAttempt(attempt + 1);
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
}
