package io.fisherwatch.agent;

import io.fisherwatch.event.BatchEvent;
import io.fisherwatch.event.CheckpointEvent;
import io.fisherwatch.event.FileReference;
import io.fisherwatch.event.RejectedEventException;
import io.fisherwatch.monitor.Batch;
import io.fisherwatch.monitor.BatchInputs;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.SafetensorsException;
import io.fisherwatch.safetensors.SafetensorsReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;

/** The named tensors of a batch event, wherever they are, and the choice of the model's inputs. */
final class BatchTensors {

  private final Map<String, HostTensor> tensors;

  private BatchTensors(Map<String, HostTensor> tensors) {
    this.tensors = tensors;
  }

  /**
   * Reads them from the event or from the file that it points to, which is hashed as it was read.
   *
   * @throws RejectedEventException {@code undecodable}, {@code digest-mismatch}, or why the file
   *     cannot be had
   */
  static BatchTensors of(BatchEvent event, Workshop workshop) throws RejectedEventException {
    if (event.file().isEmpty()) {
      return new BatchTensors(event.tensors());
    }
    FileReference reference = event.file().get();
    Path file = workshop.resolve(reference);
    try {
      byte[] bytes = Files.readAllBytes(file);
      String digest = HexFormat.of().formatHex(GraphCache.sha256().digest(bytes));
      if (reference.sha256().isPresent() && !reference.sha256().get().equals(digest)) {
        throw new RejectedEventException(
            "digest-mismatch",
            file + " has the SHA-256 " + digest + ", not " + reference.sha256().get());
      }
      return new BatchTensors(SafetensorsReader.decode(bytes, file.toString()));
    } catch (SafetensorsException e) {
      throw new RejectedEventException("undecodable", String.valueOf(e.getMessage()), e);
    } catch (IOException e) {
      throw new RejectedEventException(
          "file-not-found", file + " cannot be read: " + e.getMessage(), e);
    }
  }

  /** Picks the model's inputs, the labels and the mask. */
  Batch select(CheckpointEvent checkpoint, Model model) throws RejectedEventException {
    Optional<String> mask = checkpoint.likelihood().mask();
    try {
      return BatchInputs.select(tensors, checkpoint.inputs(), mask, model.inputNames());
    } catch (IllegalArgumentException e) {
      throw new RejectedEventException("missing-input", String.valueOf(e.getMessage()), e);
    }
  }
}
