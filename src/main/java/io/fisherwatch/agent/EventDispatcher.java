package io.fisherwatch.agent;

import io.fisherwatch.event.BatchEvent;
import io.fisherwatch.event.CheckpointEvent;
import io.fisherwatch.event.EventHandler;
import io.fisherwatch.event.Outcome;
import io.fisherwatch.event.ReceivedEvent;
import io.fisherwatch.event.RejectedEventException;
import io.fisherwatch.event.RunEndedEvent;
import io.fisherwatch.event.TrainingEvent;
import io.fisherwatch.snapshot.RunSnapshot;
import io.fisherwatch.snapshot.SnapshotBoard;
import java.time.Clock;
import java.time.Duration;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Hands every event to its run, and the run's new figures to the board. */
final class EventDispatcher implements EventHandler {

  private static final Logger LOG = LoggerFactory.getLogger(EventDispatcher.class);

  private final Partitions partitions;
  private final Workshop workshop;
  private final SnapshotBoard board;
  private final Duration endedRetention;
  private final boolean latestOnly;
  private final Clock clock;

  /**
   * @param latestOnly whether batches of weights that have been overtaken are skipped
   */
  EventDispatcher(
      Partitions partitions,
      Workshop workshop,
      SnapshotBoard board,
      Duration endedRetention,
      boolean latestOnly,
      Clock clock) {
    this.partitions = partitions;
    this.workshop = workshop;
    this.board = board;
    this.endedRetention = endedRetention;
    this.latestOnly = latestOnly;
    this.clock = clock;
  }

  @Override
  public Outcome handle(ReceivedEvent received) throws RejectedEventException {
    TrainingEvent event = received.event();
    Optional<PartitionWatch> ours =
        partitions.find(received.topic(), received.partition(), received.assignment());
    if (ours.isEmpty()) {
      return Outcome.SKIPPED; // lost in this moment: its next owner handles it
    }
    PartitionWatch partition = ours.get();
    partition.begin();
    partition.forgetEnded(clock.instant().minus(endedRetention), board::remove);
    WholeRun run =
        partition.run(event.run(), WholeRun.class, name -> new WholeRun(name, workshop, clock));
    if (run.isRepetition(event.origin().source(), event.origin().id())) {
      return Outcome.SKIPPED;
    }
    if (event instanceof CheckpointEvent checkpoint) {
      run.checkpoint(checkpoint);
      LOG.debug("run {}: checkpoint of step {} in force", event.run(), checkpoint.step());
    } else if (event instanceof BatchEvent batch) {
      if (latestOnly && received.overtaken().getAsBoolean()) {
        return Outcome.SKIPPED;
      }
      run.batch(batch, received.partition(), received.offset())
          .ifPresent(figures -> publish(partition, figures));
    } else if (event instanceof RunEndedEvent end) {
      run.end(end).ifPresent(last -> publish(partition, last));
      LOG.info(
          "run {}: {} at step {}",
          event.run(),
          end.completed() ? "completed" : "failed",
          end.step());
    }
    return Outcome.PROCESSED;
  }

  private void publish(PartitionWatch partition, RunSnapshot snapshot) {
    if (!partition.isGone()) {
      board.published(snapshot);
    }
  }
}
