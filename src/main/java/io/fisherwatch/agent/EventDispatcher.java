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
import io.fisherwatch.snapshot.SnapshotBoard;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Iterator;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Hands every event to its run, and the run's new figures to the board. */
final class EventDispatcher implements EventHandler, DiagonalSource, AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(EventDispatcher.class);

  private final Map<String, RunWatch> runs = new ConcurrentHashMap<>();
  private final Workshop workshop;
  private final SnapshotBoard board;
  private final Duration endedRetention;
  private final Clock clock;

  EventDispatcher(Workshop workshop, SnapshotBoard board, Duration endedRetention, Clock clock) {
    this.workshop = workshop;
    this.board = board;
    this.endedRetention = endedRetention;
    this.clock = clock;
  }

  @Override
  public Outcome handle(ReceivedEvent received) throws RejectedEventException {
    TrainingEvent event = received.event();
    forgetEnded();
    RunWatch run = runs.computeIfAbsent(event.run(), name -> new RunWatch(name, workshop, clock));
    if (run.isRepetition(event.origin().source(), event.origin().id())) {
      return Outcome.SKIPPED;
    }
    if (event instanceof CheckpointEvent checkpoint) {
      run.checkpoint(checkpoint);
      LOG.debug("run {}: checkpoint of step {} in force", event.run(), checkpoint.step());
    } else if (event instanceof BatchEvent batch) {
      board.published(run.batch(batch, received.partition(), received.offset()));
    } else if (event instanceof RunEndedEvent end) {
      run.end(end).ifPresent(board::published);
      LOG.info(
          "run {}: {} at step {}",
          event.run(),
          end.completed() ? "completed" : "failed",
          end.step());
    }
    return Outcome.PROCESSED;
  }

  /** Lets go of runs that ended long ago. */
  void forgetEnded() {
    Instant limit = clock.instant().minus(endedRetention);
    for (Iterator<Map.Entry<String, RunWatch>> it = runs.entrySet().iterator(); it.hasNext(); ) {
      Map.Entry<String, RunWatch> entry = it.next();
      if (entry.getValue().endedAt().filter(end -> end.isBefore(limit)).isPresent()) {
        it.remove();
        entry.getValue().close();
        board.remove(entry.getKey());
      }
    }
  }

  @Override
  public boolean writeTo(String run, OutputStream out) throws IOException {
    RunWatch watch = runs.get(run);
    return watch != null && watch.writeDiagonal(out);
  }

  @Override
  public void close() {
    runs.values().forEach(RunWatch::close);
  }
}
