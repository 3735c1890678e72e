package io.fisherwatch.state;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The right to write a partition's state, until somebody else claims it. Two generations are kept.
 * For one thread at a time, but for {@link #durableStep}.
 */
public final class Claim {

  private static final Logger LOG = LoggerFactory.getLogger(Claim.class);

  /** Generations. */
  static final int KEPT = 2;

  private final Path partitionFolder;
  private final Path folder;
  private final String topic;
  private final int partition;
  private final long epoch;
  private volatile List<Snapshot> retained;
  private long generation;

  /**
   * @param earlier what predecessors wrote, the latest first
   */
  Claim(Path partitionFolder, String topic, int partition, long epoch, List<Snapshot> earlier)
      throws IOException {
    this.partitionFolder = partitionFolder;
    this.folder = Epochs.folder(partitionFolder, epoch);
    this.topic = topic;
    this.partition = partition;
    this.epoch = epoch;
    this.retained = List.copyOf(earlier);
    if (!earlier.isEmpty()) {
      takeOver(earlier.get(0));
    }
  }

  /** The predecessor's latest snapshot becomes our first, so that all we need lies with us. */
  private void takeOver(Snapshot latest) throws IOException {
    for (StoredRun run : latest.manifest().runs()) {
      for (StoredFile file : run.files()) {
        DurableFiles.link(latest.path(file), folder.resolve(file.name()));
      }
    }
    generation = latest.manifest().generation();
    write(latest.manifest().offset(), latest.manifest().events(), latest.manifest().runs());
  }

  /** The latest snapshot; empty if there has never been one. */
  public Optional<Snapshot> latest() {
    return retained.stream().findFirst();
  }

  /** Which claim it is: every later one of the partition has a higher number. */
  public long epoch() {
    return epoch;
  }

  /** The folder whose files are ours. */
  public Path folder() {
    return folder;
  }

  /**
   * Writes a run's file, to be named in the next snapshot.
   *
   * @param stem the beginning of its name
   * @throws LostClaimException if somebody else owns the partition
   */
  public StoredFile writeFile(String stem, String suffix, Body body) throws IOException {
    requireOurs();
    return translated(() -> DurableFiles.write(folder, stem, suffix, body));
  }

  /**
   * Writes a snapshot: from the return on it is what a restart begins with.
   *
   * @param offset the first event that is not in it
   * @param events ended events by {@code type/outcome}
   * @param runs whose files lie in our folder
   * @throws LostClaimException if somebody else owns the partition
   */
  public void write(long offset, Map<String, Long> events, List<StoredRun> runs)
      throws IOException {
    Manifest manifest =
        new Manifest(
            Manifest.VERSION, topic, partition, epoch, generation + 1, offset, events, runs);
    requireOurs();
    translated(
        () -> {
          DurableFiles.write(folder.resolve(manifest.fileName()), manifest.encode());
          return true;
        });
    generation++;
    retain(new Snapshot(folder, manifest));
  }

  /** Keeps two generations of our own; once there are two, predecessors' epochs go. */
  private void retain(Snapshot latest) {
    List<Snapshot> kept = new ArrayList<>();
    kept.add(latest);
    kept.addAll(retained);
    List<Snapshot> ours =
        kept.stream().filter(one -> one.manifest().epoch() == epoch).limit(KEPT).toList();
    if (ours.size() < KEPT) {
      retained = List.copyOf(kept);
      return;
    }
    retained = ours;
    try {
      for (long before : Epochs.all(partitionFolder)) {
        if (before < epoch) {
          Epochs.remove(Epochs.folder(partitionFolder, before));
        }
      }
      removeUnnamed();
    } catch (IOException | UncheckedIOException e) {
      LOG.warn("what is not needed of {} cannot be removed yet: {}", partitionFolder, e.toString());
    }
  }

  /** Removes files of ours that no snapshot names: those of older ones, or of one that failed. */
  public void removeUnnamed() throws IOException {
    Set<String> names = new HashSet<>();
    for (Snapshot snapshot : retained) {
      names.add(snapshot.manifest().fileName());
      snapshot.manifest().runs().forEach(run -> run.files().forEach(f -> names.add(f.name())));
    }
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.toList()) {
        if (!names.contains(String.valueOf(file.getFileName()))) {
          Files.deleteIfExists(file);
        }
      }
    }
  }

  /**
   * The step of the checkpoint that a run needs to begin again at the oldest snapshot kept: the
   * files of earlier ones may go. Empty while the oldest snapshot has no checkpoint of the run.
   */
  public OptionalLong durableStep(String run) {
    long earliest = Long.MAX_VALUE;
    long oldest = -1;
    for (Snapshot snapshot : retained) {
      oldest = -1;
      for (StoredRun stored : snapshot.manifest().runs()) {
        if (stored.run().equals(run) && stored.checkpointStep() >= 0) {
          oldest = stored.checkpointStep();
          earliest = Math.min(earliest, oldest);
        }
      }
    }
    return oldest < 0 ? OptionalLong.empty() : OptionalLong.of(earliest);
  }

  /** Bytes of the latest snapshot. */
  public long bytes() {
    return latest().stream()
        .flatMap(snapshot -> snapshot.manifest().runs().stream())
        .flatMap(run -> run.files().stream())
        .mapToLong(StoredFile::bytes)
        .sum();
  }

  private void requireOurs() throws IOException {
    long highest = Epochs.highest(partitionFolder);
    if (highest != epoch) {
      throw lost("epoch " + highest + " has been claimed since");
    }
  }

  private LostClaimException lost(String why) {
    return new LostClaimException(
        "%s-%d was ours in epoch %d, but %s".formatted(topic, partition, epoch, why));
  }

  /** A write into our folder. */
  @FunctionalInterface
  private interface Writing<T> {
    T run() throws IOException;
  }

  private <T> T translated(Writing<T> writing) throws IOException {
    try {
      return writing.run();
    } catch (NoSuchFileException e) {
      if (!Files.exists(folder)) {
        throw lost("its folder is gone");
      }
      throw e;
    }
  }
}
