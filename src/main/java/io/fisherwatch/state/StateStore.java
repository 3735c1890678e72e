package io.fisherwatch.state;

import java.io.IOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A folder with the state of a consumer group's partitions, on a volume that its members share.
 *
 * <pre>{@code
 * <root>/<group>/<topic>-<partition>/epoch-0000000003/snapshot-0000000041.json
 *                                                    /run-digits-1f0c….safetensors
 *                                                    /history-digits-9a31….json
 * }</pre>
 */
public final class StateStore {

  private static final Logger LOG = LoggerFactory.getLogger(StateStore.class);

  private final Path group;

  /**
   * @param root the folder, made when it is needed
   * @param group the consumer group
   */
  public StateStore(Path root, String group) {
    this.group = root.resolve("group-" + URLEncoder.encode(group, StandardCharsets.UTF_8));
  }

  /**
   * Claims a partition: from now on nobody before us can write its state.
   *
   * @throws IOException if the folder cannot be written
   * @throws StateException if there is state, but none that can be used
   */
  public Claim claim(String topic, int partition) throws IOException, StateException {
    Path folder = group.resolve(topic + "-" + partition);
    long epoch = Epochs.claim(folder);
    try {
      return new Claim(folder, topic, partition, epoch, verified(folder, epoch - 1));
    } catch (StateException e) {
      Files.deleteIfExists(Epochs.folder(folder, epoch));
      throw e;
    }
  }

  /**
   * Keeps a file of a snapshot that cannot be taken up, beside the epochs, where nothing removes
   * it.
   *
   * @return where it is kept
   */
  public static Path keep(Path file) throws IOException {
    Path folder = Files.createDirectories(file.resolve("../../refused").normalize());
    Path kept = folder.resolve(String.valueOf(file.getFileName()));
    DurableFiles.link(file, kept);
    return kept;
  }

  /**
   * The latest snapshots that verify, as many as are kept, the latest first.
   *
   * @param highest the epoch to begin with
   * @throws StateException if there are snapshots, but none verifies, or one is of a later version
   */
  static List<Snapshot> verified(Path partition, long highest) throws IOException, StateException {
    List<Snapshot> whole = new ArrayList<>();
    List<String> damage = new ArrayList<>();
    for (long epoch : Epochs.all(partition)) {
      if (epoch > highest) {
        continue;
      }
      for (Path file : Epochs.snapshots(Epochs.folder(partition, epoch))) {
        if (whole.size() < Claim.KEPT) {
          verify(file, whole).ifPresent(damage::add);
        }
      }
    }
    if (whole.isEmpty() && !damage.isEmpty()) {
      throw new StateException(
          "no snapshot in "
              + partition
              + " can be used ("
              + String.join("; ", damage)
              + "): bring back a copy, or move the folder away to begin at the earliest event");
    }
    damage.forEach(problem -> LOG.warn("{}; an older snapshot takes its place", problem));
    return whole;
  }

  private static Optional<String> verify(Path file, List<Snapshot> into) throws StateException {
    try {
      Manifest manifest = Manifest.read(file);
      into.add(new Snapshot(verifyFiles(file, manifest), manifest));
      return Optional.empty();
    } catch (IOException e) {
      return Optional.of(String.valueOf(e.getMessage()));
    }
  }

  /**
   * Reads every file of a snapshot through.
   *
   * @return the folder that they lie in
   * @throws IOException if one is not what was stored
   */
  static Path verifyFiles(Path file, Manifest manifest) throws IOException {
    Path folder = file.toAbsolutePath().getParent();
    if (folder == null) {
      throw new IOException(file + " lies in no folder");
    }
    for (StoredRun run : manifest.runs()) {
      for (StoredFile stored : run.files()) {
        DurableFiles.verify(folder, stored);
      }
    }
    return folder;
  }
}
