package io.fisherwatch.monitor;

import io.fisherwatch.estimate.DecayedMoments;
import io.fisherwatch.safetensors.Dtype;
import io.fisherwatch.safetensors.SafetensorsReader;
import io.fisherwatch.safetensors.SafetensorsWriter;
import io.fisherwatch.safetensors.TensorInfo;
import io.fisherwatch.safetensors.TensorSource;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a monitor had accumulated at one moment, as tensors to be written. Close it when they are
 * written; with a copy that may be after its model has been closed.
 */
public final class SavedMonitor implements AutoCloseable {

  static final String PREFIX = "monitor/";

  private final List<TensorSource> tensors;
  private final @Nullable RunningDiagonal copy;

  SavedMonitor(StateSheet sheet, DiagonalFile diagonals, @Nullable RunningDiagonal copy) {
    this.tensors = new ArrayList<>(sheet.tensors());
    tensors.addAll(diagonals.tensors());
    this.copy = copy;
  }

  /** The tensors, to be written in this order. */
  public List<TensorSource> tensors() {
    return List.copyOf(tensors);
  }

  @Override
  public void close() {
    if (copy != null) {
      copy.close();
    }
  }

  /** Whether a tensor of a file belongs to a monitor's state. */
  public static boolean isPart(TensorInfo tensor) {
    return tensor.name().startsWith(PREFIX)
        || tensor.name().startsWith(RunningDiagonal.MEAN + "/")
        || tensor.name().startsWith(RunningDiagonal.SCATTER + "/");
  }

  /** Whether a file holds a monitor's state. */
  public static boolean isIn(SafetensorsReader file) {
    return file.find(PREFIX + "model").isPresent();
  }

  /**
   * Writes the running diagonal that a file holds as {@link FisherMonitor#writeDiagonal} would.
   *
   * @return false, with nothing written, if it holds none
   */
  public static boolean writeDiagonal(SafetensorsReader file, OutputStream out) throws IOException {
    StateReading reading = new StateReading(file, PREFIX);
    if (!reading.has("diagonal-weights")) {
      return false;
    }
    DecayedMoments batches = new DecayedMoments();
    reading.accumulators("diagonal-weights", batches);
    List<TensorSource> tensors = new ArrayList<>();
    addAll(file, RunningDiagonal.MEAN, "fisher", Double.NaN, tensors);
    if (batches.effectiveCount() >= 2) {
      double factor = RunningDiagonal.errorFactor(batches);
      addAll(file, RunningDiagonal.SCATTER, "standard-error", factor, tensors);
    }
    SafetensorsWriter.write(out, Map.of("normalisation", "mean over examples"), tensors);
    return true;
  }

  /** The tensors of a group under another name; with a factor, the roots of their multiples. */
  private static void addAll(
      SafetensorsReader file, String group, String name, double factor, List<TensorSource> to) {
    for (TensorInfo tensor : file.tensors()) {
      if (tensor.name().startsWith(group + "/")) {
        String renamed = name + tensor.name().substring(group.length());
        to.add(new Converted(file, tensor, renamed, (float) factor));
      }
    }
  }

  private record Converted(SafetensorsReader file, TensorInfo tensor, String name, float factor)
      implements TensorSource {

    @Override
    public Dtype dtype() {
      return tensor.dtype();
    }

    @Override
    public long[] shape() {
      return tensor.shape().stream().mapToLong(Long::longValue).toArray();
    }

    @Override
    public void writeTo(OutputStream out) throws IOException {
      file.stream(
          tensor,
          CHUNK_BYTES,
          (offset, chunk) -> {
            ByteBuffer bytes =
                ByteBuffer.allocate(chunk.remaining()).order(ByteOrder.LITTLE_ENDIAN);
            while (chunk.hasRemaining()) {
              float value = chunk.getFloat();
              bytes.putFloat(Float.isNaN(factor) ? value : (float) Math.sqrt(value * factor));
            }
            out.write(bytes.array());
          });
    }
  }
}
