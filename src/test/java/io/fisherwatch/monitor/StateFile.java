package io.fisherwatch.monitor;

import io.fisherwatch.estimate.DecayedMoments;
import io.fisherwatch.safetensors.Dtype;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.SafetensorsWriter;
import io.fisherwatch.safetensors.TensorSource;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.DoubleBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * A part's state file as a monitor writes it, with what a diagonal needs: two layers, {@code body}
 * of a matrix and a vector with another layer's vector between them, and one frozen parameter. Its
 * batches are drawn with a seed, so that tests can compare with all batches in one place.
 */
public final class StateFile {

  /** Entries by parameter. */
  static final Map<String, long[]> SHAPES =
      Map.of("a.weight", new long[] {7, 5}, "head", new long[] {11}, "b.bias", new long[] {3});

  static final List<String> NAMES = List.of("a.weight", "head", "b.bias");
  static final int ENTRIES = 35 + 11 + 3;

  private static final String MODEL =
      """
      a.weight [7, 5] of layer body
      frozen [2] frozen, of layer body
      head [11] of layer head
      b.bias [3] of layer body
      """;

  private final DecayedMoments[] entries = moments(ENTRIES);
  private final DecayedMoments weights = new DecayedMoments();
  private String model = MODEL;

  private static DecayedMoments[] moments(int count) {
    DecayedMoments[] moments = new DecayedMoments[count];
    Arrays.setAll(moments, any -> new DecayedMoments());
    return moments;
  }

  /** Adds batches, entries spread over many decades. */
  public StateFile batches(int count, long seed) {
    Random random = new Random(seed);
    for (int batch = 0; batch < count; batch++) {
      double weight = 8 + random.nextInt(8);
      weights.add(0, weight);
      for (int entry = 0; entry < ENTRIES; entry++) {
        double scale = Math.pow(10, -(entry % 9));
        entries[entry].add(scale * Math.abs(random.nextGaussian()), weight);
      }
    }
    return this;
  }

  /** As a new checkpoint does. */
  StateFile age(double factor) {
    weights.age(factor);
    for (DecayedMoments entry : entries) {
      entry.age(factor);
    }
    return this;
  }

  /** As if another's batches had been added. */
  StateFile merge(StateFile other) {
    weights.merge(other.weights);
    for (int entry = 0; entry < ENTRIES; entry++) {
      entries[entry].merge(other.entries[entry]);
    }
    return this;
  }

  /** Of another model. */
  public StateFile model(String outline) {
    model = outline;
    return this;
  }

  double mean(int entry) {
    return entries[entry].mean();
  }

  double standardError(int entry) {
    return entries[entry].standardError();
  }

  /** Writes it. */
  public Path write(Path file) throws IOException {
    StateSheet sheet = new StateSheet(SavedMonitor.PREFIX);
    sheet.text("model", model);
    sheet.longs("latest-probes", 2, 1);
    sheet.accumulators("diagonal-weights", weights);
    List<TensorSource> tensors = new ArrayList<>(sheet.tensors());
    for (int column : new int[] {2, 3}) {
      int entry = 0;
      String group = column == 2 ? RunningDiagonal.MEAN : RunningDiagonal.SCATTER;
      for (String name : NAMES) {
        int size = (int) Arrays.stream(SHAPES.get(name)).reduce(1, (a, b) -> a * b);
        ByteBuffer data = ByteBuffer.allocate(size * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < size; i++) {
          data.putFloat((float) saved(entries[entry++])[column]);
        }
        tensors.add(
            TensorSource.of(
                group + "/" + name, HostTensor.of(Dtype.F32, SHAPES.get(name), data.flip())));
      }
    }
    try (OutputStream out = Files.newOutputStream(file)) {
      SafetensorsWriter.write(out, Map.of(), tensors);
    }
    return file;
  }

  /** Weight, squared weights, mean, scatter. */
  private static double[] saved(DecayedMoments moments) {
    DoubleBuffer buffer = DoubleBuffer.allocate(4);
    moments.save(buffer);
    return buffer.array();
  }
}
