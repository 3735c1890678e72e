package io.fisherwatch.agent;

import io.fisherwatch.event.EndedEvent;
import io.fisherwatch.snapshot.OwnedPartition;
import io.fisherwatch.state.Claim;
import java.time.Instant;
import java.util.Iterator;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * An input partition that is ours: its runs, how far its events have been handled, and how they
 * ended. Events come on one thread.
 */
final class PartitionWatch {

  private final String topic;
  private final int partition;
  private final @Nullable Claim claim;
  private final Map<String, RunWatch> runs = new ConcurrentHashMap<>();
  private final Map<String, Long> events = new TreeMap<>();
  private long offset;
  private long writtenOffset;
  private boolean inHand;

  /** The assignment whose events count. */
  private volatile long assignment;

  private volatile boolean leaving;

  /** Set once it is somebody else's: nothing is written any more. */
  private volatile boolean gone;

  /**
   * @param assignment whose events count
   * @param claim the right to write its state; null if none is kept
   */
  PartitionWatch(String topic, int partition, long assignment, @Nullable Claim claim) {
    this.assignment = assignment;
    this.topic = topic;
    this.partition = partition;
    this.claim = claim;
    if (claim != null && claim.latest().isPresent()) {
      events.putAll(claim.latest().get().manifest().events());
      offset = claim.latest().get().manifest().offset();
      writtenOffset = offset;
    }
  }

  /** Which partition it is. */
  OwnedPartition place() {
    return new OwnedPartition(topic, partition);
  }

  Map<String, RunWatch> runs() {
    return runs;
  }

  /**
   * One of the runs, made if it is not there.
   *
   * @param kind all runs of a partition are of one kind
   */
  <R extends RunWatch> R run(String name, Class<R> kind, Function<String, R> maker) {
    return kind.cast(runs.computeIfAbsent(name, maker));
  }

  /** The right to write its state; empty if none is kept. */
  Optional<Claim> claim() {
    return Optional.ofNullable(claim);
  }

  int partition() {
    return partition;
  }

  /** Whether an event was handed out under the present assignment. */
  boolean isOf(long number) {
    return assignment == number;
  }

  /** It has been assigned anew. */
  void assignedAnew(long number) {
    assignment = number;
    leaving = false;
  }

  /** An event is being handled: between this and its end there is nothing whole to write. */
  synchronized void begin() {
    inHand = true;
  }

  /** Counts an event as ended. */
  synchronized void end(EndedEvent event) {
    inHand = false;
    offset = event.offset() + 1;
    events.merge(event.type().label() + "/" + event.outcome().label(), 1L, Long::sum);
  }

  /** Whether an event has been begun that has not ended. */
  synchronized boolean isInHand() {
    return inHand;
  }

  /** The first event that has not been handled. */
  synchronized long offset() {
    return offset;
  }

  /** Ended events by {@code type/outcome}. */
  synchronized Map<String, Long> events() {
    return Map.copyOf(events);
  }

  /** Whether events have ended since the last snapshot. */
  synchronized boolean isAhead() {
    return offset != writtenOffset;
  }

  synchronized void written(long upTo) {
    writtenOffset = upTo;
  }

  /**
   * Lets go of runs that ended long ago.
   *
   * @param limit the last moment at which
   * @param forgotten hears their names
   */
  void forgetEnded(Instant limit, Consumer<String> forgotten) {
    Iterator<Map.Entry<String, RunWatch>> entries = runs.entrySet().iterator();
    while (entries.hasNext()) {
      Map.Entry<String, RunWatch> entry = entries.next();
      if (entry.getValue().endedAt().filter(end -> end.isBefore(limit)).isPresent()) {
        entries.remove();
        entry.getValue().close();
        forgotten.accept(entry.getKey());
      }
    }
  }

  /** It is about to be released: nothing of it is to be waited for. */
  void beginLeaving() {
    leaving = true;
  }

  boolean isLeaving() {
    return leaving || gone;
  }

  void leave() {
    gone = true;
  }

  boolean isGone() {
    return gone;
  }

  @Override
  public String toString() {
    return topic + "-" + partition;
  }
}
