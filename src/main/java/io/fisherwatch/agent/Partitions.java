package io.fisherwatch.agent;

import io.fisherwatch.event.EndedEvent;
import io.fisherwatch.event.EventListener;
import io.fisherwatch.event.RejectedEventException;
import io.fisherwatch.safetensors.SafetensorsReader;
import io.fisherwatch.snapshot.DiagonalSource;
import io.fisherwatch.snapshot.OwnedPartition;
import io.fisherwatch.snapshot.SnapshotBoard;
import io.fisherwatch.state.Claim;
import io.fisherwatch.state.RunRecord;
import io.fisherwatch.state.Snapshot;
import io.fisherwatch.state.StateException;
import io.fisherwatch.state.StateStore;
import io.fisherwatch.state.StoredRun;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The partitions that are ours. One that is assigned goes on where its state ends; one that is
 * released leaves its state to the next owner. Partitions come and go on the thread that polls,
 * events on the one that works.
 */
final class Partitions implements AutoCloseable, DiagonalSource {

  private static final Logger LOG = LoggerFactory.getLogger(Partitions.class);

  private final Map<String, PartitionWatch> owned = new ConcurrentHashMap<>();

  /** What the group says is ours: without state, runs of what is not ours any more stay. */
  private final Set<OwnedPartition> places = ConcurrentHashMap.newKeySet();

  private final Kind kind;
  private final SnapshotBoard board;
  private final @Nullable StateStore store;
  private final StateKeeper keeper;
  private final BiConsumer<Map<String, Long>, Integer> counts;

  /** What kind of runs the partitions have. */
  interface Kind {

    /**
     * A run that is in a partition's state.
     *
     * @throws UnusableStateException if it is of another kind
     */
    RunWatch restored(String name);

    /** A partition is ours, with its state. */
    default void taken(PartitionWatch partition) {}

    /** A partition goes, its state written. */
    default void leaving(PartitionWatch partition) {}
  }

  /**
   * @param kind of the runs
   * @param store where state is kept; null for nowhere
   * @param counts hears of events that had ended before a partition became ours, times 1, or times
   *     −1 when it goes
   */
  Partitions(
      Kind kind,
      SnapshotBoard board,
      @Nullable StateStore store,
      StateKeeper keeper,
      BiConsumer<Map<String, Long>, Integer> counts) {
    this.kind = kind;
    this.board = board;
    this.store = store;
    this.keeper = keeper;
    this.counts = counts;
  }

  /**
   * Takes a partition over.
   *
   * @return where to go on
   * @throws UnusableStateException if there is state that cannot be used
   */
  OptionalLong assigned(String topic, int partition, long assignment) {
    String key = key(topic, partition);
    if (store == null) {
      // nobody else has its runs: they stay, whatever the group does
      owned
          .computeIfAbsent(key, any -> new PartitionWatch(topic, partition, assignment, null))
          .assignedAnew(assignment);
      places.add(new OwnedPartition(topic, partition));
      return OptionalLong.empty();
    }
    lost(topic, partition); // a no-op, unless the source forgot to say so
    try {
      Claim claim = store.claim(topic, partition);
      PartitionWatch watch = new PartitionWatch(topic, partition, assignment, claim);
      if (claim.latest().isEmpty()) {
        owned.put(key, watch);
        places.add(watch.place());
        return OptionalLong.of(EventListener.EARLIEST);
      }
      restore(watch, claim.latest().get());
      owned.put(key, watch);
      places.add(watch.place());
      counts.accept(watch.events(), 1);
      kind.taken(watch);
      LOG.info("{} goes on at offset {} with {} runs", watch, watch.offset(), watch.runs().size());
      return OptionalLong.of(watch.offset());
    } catch (IOException e) {
      throw new UnusableStateException(
          "the state of " + key + " cannot be used: " + e.getMessage(), e);
    } catch (StateException e) {
      throw new UnusableStateException(String.valueOf(e.getMessage()), e);
    }
  }

  private void restore(PartitionWatch watch, Snapshot snapshot) throws IOException {
    for (StoredRun entry : snapshot.manifest().runs()) {
      Path file = snapshot.path(entry.state());
      RunRecord record;
      try (SafetensorsReader reader = SafetensorsReader.open(file)) {
        record = RunRecord.read(reader);
      }
      RunWatch run = kind.restored(entry.run());
      try {
        run.restore(record, entry, file);
      } catch (RejectedEventException e) {
        throw new IOException(file + " holds a checkpoint that is none: " + e.getMessage(), e);
      }
      watch.runs().put(entry.run(), run);
      if (record.snapshot().isPresent()) {
        board.restore(
            record.snapshot().get(), RunRecord.readHistory(snapshot.path(entry.history())));
      }
      watch
          .claim()
          .orElseThrow()
          .durableStep(entry.run())
          .ifPresent(step -> board.durable(entry.run(), step));
    }
  }

  /** A partition, while it is ours by this assignment. */
  Optional<PartitionWatch> find(String topic, int partition, long assignment) {
    return Optional.ofNullable(owned.get(key(topic, partition)))
        .filter(watch -> watch.isOf(assignment));
  }

  /**
   * Counts an event as ended, and writes a snapshot if it is time.
   *
   * @return false if its partition is not ours any more, so that it does not count
   */
  boolean ended(EndedEvent event) {
    Optional<PartitionWatch> watch = find(event.topic(), event.partition(), event.assignment());
    watch.ifPresent(partition -> partition.end(event));
    idle();
    return watch.isPresent();
  }

  /** Writes a snapshot if it is time. By the thread that handles events, between two of them. */
  void idle() {
    keeper.writeIfDue(owned.values());
  }

  /** A partition is about to be released. */
  void leaving(String topic, int partition) {
    PartitionWatch watch = owned.get(key(topic, partition));
    if (watch != null) {
      watch.beginLeaving();
    }
  }

  /** Leaves a partition to the next owner, with all that has come of its events. */
  void released(String topic, int partition) {
    PartitionWatch watch = owned.get(key(topic, partition));
    if (watch == null) {
      return;
    }
    try {
      keeper.writeNow(watch);
      kind.leaving(watch);
    } finally {
      lost(topic, partition);
    }
  }

  /** Lets go of a partition; nothing is written any more. */
  void lost(String topic, int partition) {
    places.remove(new OwnedPartition(topic, partition));
    PartitionWatch watch = store == null ? null : owned.remove(key(topic, partition));
    if (watch == null) {
      return;
    }
    watch.leave();
    counts.accept(watch.events(), -1);
    watch
        .runs()
        .forEach(
            (name, run) -> {
              board.remove(name);
              run.close();
            });
  }

  @Override
  public boolean writeTo(String run, OutputStream out) throws IOException {
    Optional<RunWatch> watch = run(run);
    return watch.isPresent() && watch.get().writeDiagonal(out);
  }

  private Optional<RunWatch> run(String name) {
    return owned.values().stream()
        .map(watch -> watch.runs().get(name))
        .filter(java.util.Objects::nonNull)
        .findFirst();
  }

  /** Bytes of the latest snapshots. */
  long stateBytes() {
    return owned.values().stream()
        .flatMap(watch -> watch.claim().stream())
        .mapToLong(Claim::bytes)
        .sum();
  }

  /** Which partitions are ours, in order. */
  List<OwnedPartition> places() {
    return places.stream()
        .sorted(
            Comparator.comparing(OwnedPartition::topic).thenComparing(OwnedPartition::partition))
        .toList();
  }

  Collection<PartitionWatch> owned() {
    return owned.values();
  }

  private static String key(String topic, int partition) {
    return topic + "-" + partition;
  }

  @Override
  public void close() {
    keeper.close();
    for (PartitionWatch watch : owned.values()) {
      watch.runs().values().forEach(RunWatch::close);
    }
  }
}
