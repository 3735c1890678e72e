package io.fisherwatch.agent;

import io.fisherwatch.event.BatchEvent;
import io.fisherwatch.event.CheckpointEvent;
import io.fisherwatch.event.FileReference;
import io.fisherwatch.event.RejectedEventException;
import io.fisherwatch.files.FileRoots;
import io.fisherwatch.monitor.Batch;
import io.fisherwatch.monitor.BatchInputs;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.safetensors.Digests;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.SafetensorsException;
import io.fisherwatch.safetensors.SafetensorsReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.FileChannel;
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
    try (FileChannel file = workshop.openBatch(reference)) {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream((int) file.size());
      FileRoots.copy(file, bytes, file.size());
      byte[] content = bytes.toByteArray();
      GraphCache.requireDigest(reference, Digests.sha256(content));
      return new BatchTensors(SafetensorsReader.decode(content, reference.uri()));
    } catch (SafetensorsException e) {
      throw new RejectedEventException("undecodable", String.valueOf(e.getMessage()), e);
    } catch (IOException e) {
      throw new RejectedEventException(
          "file-not-found", reference.uri() + " cannot be read: " + e.getMessage(), e);
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
