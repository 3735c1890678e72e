package io.fisherwatch.runtime;

import io.fisherwatch.safetensors.HostTensor;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A differentiable model, held on a device. For one thread at a time, but for the forward passes of
 * a batch, which may be made and pulled back on several.
 *
 * <p>Figures per parameter are arrays in the order of {@link #parameters()}.
 */
public interface Model extends AutoCloseable {

  /** The distinct parameters, in the graph's order. */
  List<Parameter> parameters();

  /**
   * Second names of parameters that share storage, each with the name that stands in {@link
   * #parameters()}.
   */
  Map<String, String> aliases();

  /** The names of the graph's inputs, where the graph tells them. */
  Optional<List<String>> inputNames();

  /**
   * Replaces parameters and buffers in place by those of a safetensors file, streamed.
   *
   * @param file open for reading; stays open, and is read twice
   * @param name of the file, for messages
   * @param sha256 what the file's digest must be, in lower-case hex; checked before anything is
   *     replaced and again over the bytes that were copied. Empty if there is nothing to compare
   *     with
   * @throws ModelException {@code digest-mismatch}, {@code bad-weights} (malformed, a parameter
   *     missing, a name that the graph does not know, two names of one parameter that disagree),
   *     {@code shape-mismatch}. Unless the message says otherwise the model holds what it held
   *     before
   */
  void replaceWeights(FileChannel file, String name, Optional<String> sha256) throws ModelException;

  /** As above, of a file by its path. */
  default void replaceWeights(Path weights, Optional<String> sha256) throws ModelException {
    try (FileChannel file = FileChannel.open(weights, StandardOpenOption.READ)) {
      replaceWeights(file, weights.toString(), sha256);
    } catch (IOException e) {
      throw new ModelException("bad-weights", weights + " cannot be read: " + e.getMessage(), e);
    }
  }

  /**
   * Moves the inputs of a batch to the device.
   *
   * @param inputs in the order of the graph's arguments; the first dimension of each is the example
   * @throws ModelException {@code empty-batch}, {@code shape-mismatch} if the first dimensions
   *     differ
   */
  BoundBatch bind(List<HostTensor> inputs) throws ModelException;

  /**
   * Why examples are squared by a pass each, the plain path; empty while one pass is enough for
   * many of them.
   */
  Optional<String> plainReason();

  /** Keeps to the plain path from now on. */
  void keepPlain(String reason);

  /** Zeroed float32 arrays in the shapes of the trainable parameters, on the model's device. */
  DiagonalArray newDiagonal();

  /**
   * Threads that may work on this model at the same time to advantage: the cores that it may use; 1
   * on a GPU, which is busy with one.
   */
  int usefulThreads();

  /** Says how many cores the operations that the calling thread starts may use; none on a GPU. */
  void useCores(int cores);

  /** Room for that many whole gradients, on the model's device. */
  GradientMemory newGradientMemory(int capacity);

  @Override
  void close();
}
