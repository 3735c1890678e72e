package io.fisherwatch.agent;

import io.fisherwatch.event.FileReference;
import io.fisherwatch.event.RejectedEventException;
import io.fisherwatch.files.FileRoots;
import io.fisherwatch.monitor.EstimatorSettings;
import io.fisherwatch.monitor.FisherMonitor;
import io.fisherwatch.runtime.ModelLoader;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * What all runs work with.
 *
 * @param roots where files may be read
 * @param files how far they are trusted
 * @param graphs private copies of graphs that may be loaded
 * @param scratch a folder of our own for files in passing
 * @param loader loads models
 * @param settings how to estimate
 * @param upkeep what is done now and then only
 * @param decay factor on everything so far at a new checkpoint
 * @param residents whose models are on the device
 */
record Workshop(
    FileRoots roots,
    FilesConfig files,
    GraphCache graphs,
    Path scratch,
    ModelLoader loader,
    EstimatorSettings settings,
    FisherMonitor.Upkeep upkeep,
    double decay,
    Residents residents) {

  /** Writes something, or says that there is nothing to write. */
  @FunctionalInterface
  interface Writing {
    boolean writeTo(OutputStream out) throws IOException;
  }

  /** Opens a file of weights that an event names, once. */
  FileChannel openWeights(FileReference reference) throws RejectedEventException {
    return roots.open(reference, "weights", files.maxWeightsBytes(), "files.maxWeightsBytes");
  }

  /** Opens a file of a batch that an event names, once. */
  FileChannel openBatch(FileReference reference) throws RejectedEventException {
    return roots.open(reference, "batch", files.maxBatchBytes(), "files.maxBatchBytes");
  }

  /** Writes to a new file in the scratch folder; empty if there was nothing to write. */
  Optional<Path> spool(Writing writing) {
    try {
      Path file = Files.createTempFile(scratch, "spool", ".safetensors");
      boolean written = false;
      try (OutputStream out = Files.newOutputStream(file)) {
        written = writing.writeTo(out);
      } finally {
        if (!written) {
          Files.delete(file);
        }
      }
      return written ? Optional.of(file) : Optional.empty();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write to " + scratch + ": " + e.getMessage(), e);
    }
  }
}
