package io.fisherwatch.agent;

import io.fisherwatch.monitor.FisherMonitor;
import io.fisherwatch.monitor.SavedMonitor;
import io.fisherwatch.safetensors.SafetensorsReader;
import io.fisherwatch.safetensors.SafetensorsWriter;
import io.fisherwatch.safetensors.TensorInfo;
import io.fisherwatch.safetensors.TensorSource;
import io.fisherwatch.snapshot.Figures;
import io.fisherwatch.state.StateStore;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a monitor had accumulated, in a file, its model gone.
 *
 * @param file safetensors
 * @param owned whether the file goes when it is not needed any more
 * @param figures that were shown at that time
 */
record FrozenMonitor(Path file, boolean owned, Optional<Figures> figures) {

  private static final Logger LOG = LoggerFactory.getLogger(FrozenMonitor.class);

  /** Writes a monitor to a file of ours. */
  static FrozenMonitor of(FisherMonitor monitor, Workshop workshop, Optional<Figures> figures) {
    try (SavedMonitor saved = monitor.save(false)) {
      Optional<Path> file =
          workshop.spool(
              out -> {
                SafetensorsWriter.write(out, Map.of(), saved.tensors());
                return true;
              });
      return new FrozenMonitor(file.orElseThrow(), true, figures);
    }
  }

  /** The same in another file, which somebody else keeps. */
  FrozenMonitor in(Path other) {
    return new FrozenMonitor(other, false, figures);
  }

  /**
   * Lets a monitor that has seen nothing go on from here.
   *
   * @return false if there is nothing, or if it is another model's: it is kept then
   * @throws UncheckedIOException if the file cannot be read; the monitor is not to be used then
   */
  boolean resume(String run, FisherMonitor fresh) {
    try (SafetensorsReader reader = SafetensorsReader.open(file)) {
      if (!SavedMonitor.isIn(reader)) {
        return false;
      }
      Optional<String> reason = fresh.restore(reader, figures);
      if (reason.isPresent()) {
        Path kept = StateStore.keep(file);
        LOG.warn(
            "run {}: its running state is not taken up ({}): kept as {}", run, reason.get(), kept);
      }
      return reason.isEmpty();
    } catch (IOException e) {
      throw new UncheckedIOException(
          "the state " + file + " of run " + run + " cannot be read: " + e.getMessage(), e);
    }
  }

  /** The same once more, to be written and closed. */
  Residence.Saved save() throws IOException {
    SafetensorsReader reader = SafetensorsReader.open(file);
    List<TensorSource> tensors = new ArrayList<>();
    for (TensorInfo tensor : reader.tensors()) {
      if (SavedMonitor.isPart(tensor)) {
        tensors.add(TensorSource.of(reader, tensor, tensor.name()));
      }
    }
    return new Residence.Saved(tensors, Optional.of(this), reader::close);
  }

  /** Writes the running diagonal; false, with nothing written, if there is none. */
  boolean writeDiagonal(OutputStream out) throws IOException {
    try (SafetensorsReader reader = SafetensorsReader.open(file)) {
      return SavedMonitor.writeDiagonal(reader, out);
    }
  }

  /** Removes the file, if it is ours. */
  void drop() {
    if (!owned) {
      return;
    }
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      throw new UncheckedIOException(file + " cannot be removed", e);
    }
  }
}
