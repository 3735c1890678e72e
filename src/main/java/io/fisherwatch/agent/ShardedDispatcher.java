package io.fisherwatch.agent;

import io.fisherwatch.event.BatchEvent;
import io.fisherwatch.event.EventHandler;
import io.fisherwatch.event.Outcome;
import io.fisherwatch.event.ReceivedEvent;
import io.fisherwatch.event.RejectedEventException;
import io.fisherwatch.event.Shard;
import io.fisherwatch.snapshot.RunSnapshot;
import io.fisherwatch.snapshot.SnapshotBoard;
import java.time.Clock;
import java.time.Duration;
import java.util.Optional;

/**
 * Hands every batch of a shard, once its checkpoint is known, to its partition's part of the run,
 * and the part's new figures to the board.
 */
final class ShardedDispatcher implements EventHandler {

  private final Partitions partitions;
  private final CheckpointBook book;
  private final CheckpointDesk desk;
  private final Workshop workshop;
  private final SnapshotBoard board;
  private final Duration endedRetention;
  private final boolean latestOnly;
  private final Clock clock;

  /**
   * @param latestOnly whether batches of checkpoints that have been overtaken are skipped
   */
  ShardedDispatcher(
      Partitions partitions,
      CheckpointBook book,
      CheckpointDesk desk,
      Workshop workshop,
      SnapshotBoard board,
      Duration endedRetention,
      boolean latestOnly,
      Clock clock) {
    this.partitions = partitions;
    this.book = book;
    this.desk = desk;
    this.workshop = workshop;
    this.board = board;
    this.endedRetention = endedRetention;
    this.latestOnly = latestOnly;
    this.clock = clock;
  }

  @Override
  public Outcome handle(ReceivedEvent received) throws RejectedEventException {
    if (!(received.event() instanceof BatchEvent batch)) {
      throw new RejectedEventException(
          "wrong-topic",
          "of sharded runs %s takes batches only; checkpoints and ends have a topic of their own"
              .formatted(received.topic()));
    }
    Optional<PartitionWatch> ours =
        partitions.find(received.topic(), received.partition(), received.assignment());
    if (ours.isEmpty()) {
      return Outcome.SKIPPED; // lost in this moment: its next owner handles it
    }
    PartitionWatch partition = ours.get();
    PartName name = new PartName(batch.run(), received.partition());
    String source = batch.origin().source();
    String id = batch.origin().id();
    if (partition.runs().get(name.toString()) instanceof PartWatch known
        && known.isKnown(source, id)) {
      return Outcome.SKIPPED;
    }
    long step = batch.shard().map(Shard::checkpointStep).orElseThrow();
    // before anything changes: a partition that goes meanwhile is whole
    Optional<CheckpointBook.Entry> at = desk.find(batch.run(), step, partition::isLeaving);
    partition.begin();
    partition.forgetEnded(clock.instant().minus(endedRetention), board::remove);
    PartWatch part =
        partition.run(
            name.toString(), PartWatch.class, any -> new PartWatch(name, workshop, clock));
    if (part.isRepetition(source, id)) {
      return Outcome.SKIPPED;
    }
    if (at.isEmpty()) {
      throw new RejectedEventException(
          "no-checkpoint",
          "the batch names the checkpoint of step "
              + step
              + ", which did not come in time, or is older than the latest "
              + BookPage.KEPT);
    }
    requireOneHistory(part);
    if (!counts(at.get())) {
      return Outcome.SKIPPED;
    }
    Optional<RunSnapshot> figures = part.batch(batch, at.get(), received.offset());
    if (!partition.isGone()) {
      figures.ifPresent(board::published);
    }
    return figures.isPresent() ? Outcome.PROCESSED : Outcome.SKIPPED;
  }

  /** A batch of an attempt that is over does not count, nor one overtaken if only the latest do. */
  private boolean counts(CheckpointBook.Entry at) {
    return book.isOfNewestAttempt(at)
        && !(latestOnly && !book.latest(at.event().run()).equals(Optional.of(at)));
  }

  /** The state and the topic of the checkpoints have to be of one history. */
  private void requireOneHistory(PartWatch part) throws RejectedEventException {
    if (isAhead(part)) {
      desk.refresh();
    }
    if (isAhead(part)) {
      throw new RejectedEventException(
          "no-checkpoint",
          "the state of run '"
              + part.run()
              + "' knows of later checkpoints than their topic, which was made anew: give the run"
              + " another name, or the agents another state.directory");
    }
  }

  private boolean isAhead(PartWatch part) {
    return book.latest(part.run()).filter(part::isAheadOf).isPresent();
  }
}
