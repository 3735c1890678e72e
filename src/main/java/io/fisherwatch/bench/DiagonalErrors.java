package io.fisherwatch.bench;

import io.fisherwatch.safetensors.SafetensorsReader;
import io.fisherwatch.safetensors.TensorInfo;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.Arrays;

/** Errors of the diagonal of F, entry by entry, against one that is exact. */
final class DiagonalErrors {

  /** Entries that are looked at, at most: of more, evenly spaced ones. */
  private static final int SAMPLE = 1 << 20;

  private final float[] exact;

  private DiagonalErrors(float[] exact) {
    this.exact = exact;
  }

  /** The yardstick, from a file of diagonals. */
  static DiagonalErrors of(Path file) throws IOException {
    return new DiagonalErrors(sample(file));
  }

  /** The median of |d − exact| / exact, over the entries that are not 0. */
  double medianOf(Path file) throws IOException {
    float[] estimate = sample(file);
    double[] errors = new double[exact.length];
    int count = 0;
    for (int i = 0; i < exact.length; i++) {
      if (exact[i] > 0) {
        errors[count++] = Math.abs(estimate[i] - exact[i]) / (double) exact[i];
      }
    }
    return Rounds.median(Arrays.copyOf(errors, count));
  }

  private static float[] sample(Path file) throws IOException {
    try (SafetensorsReader reader = SafetensorsReader.open(file)) {
      long entries = 0;
      for (TensorInfo tensor : reader.tensors()) {
        entries += tensor.name().startsWith("fisher/") ? elements(tensor) : 0;
      }
      int every = (int) Math.max(1, entries / SAMPLE);
      float[] values = new float[(int) ((entries + every - 1) / every)];
      long place = 0;
      for (TensorInfo tensor : reader.tensors()) {
        if (tensor.name().startsWith("fisher/")) {
          FloatBuffer floats = reader.read(tensor.name()).data().asFloatBuffer();
          for (int i = 0; i < floats.limit(); i++, place++) {
            if (place % every == 0) {
              values[(int) (place / every)] = floats.get(i);
            }
          }
        }
      }
      return values;
    }
  }

  private static long elements(TensorInfo tensor) {
    return tensor.shape().stream().mapToLong(Long::longValue).reduce(1, Math::multiplyExact);
  }
}
