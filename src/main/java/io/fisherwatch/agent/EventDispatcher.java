package io.fisherwatch.agent;

import io.fisherwatch.event.BatchEvent;
import io.fisherwatch.event.CheckpointEvent;
import io.fisherwatch.event.EventHandler;
import io.fisherwatch.event.Outcome;
import io.fisherwatch.event.ReceivedEvent;
import io.fisherwatch.event.RejectedEventException;
import io.fisherwatch.event.RunEndedEvent;
import io.fisherwatch.event.TrainingEvent;
import io.fisherwatch.snapshot.DiagonalSource;
import io.fisherwatch.snapshot.RunSnapshot;
import io.fisherwatch.snapshot.SnapshotBoard;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Iterator;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Hands every event to its run, and the run's new figures to the board. */
final class EventDispatcher implements EventHandler, DiagonalSource {

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
    forgetEnded(partition);
    RunWatch run =
        partition.runs().computeIfAbsent(event.run(), name -> new RunWatch(name, workshop, clock));
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

  /** Lets go of runs that ended long ago. */
  private void forgetEnded(PartitionWatch partition) {
    Instant limit = clock.instant().minus(endedRetention);
    Iterator<Map.Entry<String, RunWatch>> entries = partition.runs().entrySet().iterator();
    while (entries.hasNext()) {
      Map.Entry<String, RunWatch> entry = entries.next();
      if (entry.getValue().endedAt().filter(end -> end.isBefore(limit)).isPresent()) {
        entries.remove();
        entry.getValue().close();
        board.remove(entry.getKey());
      }
    }
  }

  @Override
  public boolean writeTo(String run, OutputStream out) throws IOException {
    Optional<RunWatch> watch = partitions.run(run);
    return watch.isPresent() && watch.get().writeDiagonal(out);
  }
}
