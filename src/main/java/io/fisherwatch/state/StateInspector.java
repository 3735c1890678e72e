package io.fisherwatch.state;

import io.fisherwatch.safetensors.SafetensorsReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** Looks into a folder of state without claiming anything. */
public final class StateInspector {

  private static final int DEEPEST = 3;

  private StateInspector() {}

  /**
   * A snapshot that was found.
   *
   * @param file its list of contents
   * @param manifest what it consists of; empty if that cannot be read
   * @param problem what is wrong with it, if anything is
   */
  public record Found(Path file, Optional<Manifest> manifest, Optional<String> problem) {}

  /** Every snapshot under a folder, verified; by partition, the latest first. */
  public static List<Found> inspect(Path root) throws IOException {
    List<Found> found = new ArrayList<>();
    for (Path partition : partitions(root.toRealPath())) {
      for (long epoch : Epochs.all(partition)) {
        for (Path file : Epochs.snapshots(Epochs.folder(partition, epoch))) {
          Found one = look(file);
          if (Files.exists(file)) { // else its owner has removed it in the meantime
            found.add(one);
          }
        }
      }
    }
    return found;
  }

  /** Folders in which there are epochs. */
  private static List<Path> partitions(Path root) throws IOException {
    List<Path> partitions = new ArrayList<>();
    try (Stream<Path> folders = Files.walk(root, DEEPEST)) {
      for (Path folder : folders.filter(Files::isDirectory).sorted().toList()) {
        if (!Epochs.all(folder).isEmpty()) {
          partitions.add(folder);
        }
      }
    }
    return partitions;
  }

  private static Found look(Path file) {
    Manifest manifest;
    try {
      manifest = Manifest.read(file);
    } catch (IOException | StateException e) {
      return new Found(file, Optional.empty(), Optional.of(String.valueOf(e.getMessage())));
    }
    try {
      StateStore.verifyFiles(file, manifest);
      return new Found(file, Optional.of(manifest), Optional.empty());
    } catch (IOException e) {
      return new Found(file, Optional.of(manifest), Optional.of(String.valueOf(e.getMessage())));
    }
  }

  /** What is done with a run's state. */
  @FunctionalInterface
  public interface Use {
    /** Reads the file. */
    void accept(SafetensorsReader state) throws IOException;
  }

  /**
   * Opens the latest whole state of a run.
   *
   * @return false if there is none
   */
  public static boolean open(Path root, String run, Use use) throws IOException {
    for (Found found : inspect(root)) {
      if (found.manifest().isEmpty() || found.problem().isPresent()) {
        continue;
      }
      for (StoredRun stored : found.manifest().get().runs()) {
        if (stored.run().equals(run)) {
          Path file = found.file().resolveSibling(stored.state().name());
          try (SafetensorsReader reader = SafetensorsReader.open(file)) {
            use.accept(reader);
          }
          return true;
        }
      }
    }
    return false;
  }
}
