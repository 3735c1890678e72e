package io.fisherwatch.runtime;

import io.fisherwatch.safetensors.Dtype;
import io.fisherwatch.safetensors.HostTensor;
import java.nio.ByteBuffer;

/**
 * Logits in the host's memory: examples × positions rows of classes numbers, in the precision in
 * which the model gave them. Immutable.
 */
public final class Logits {

  private final int examples;
  private final int positions;
  private final int classes;
  private final boolean wide;
  private final ByteBuffer values;

  private Logits(int examples, int positions, int classes, HostTensor tensor) {
    this.examples = examples;
    this.positions = positions;
    this.classes = classes;
    this.wide = tensor.dtype() == Dtype.F64;
    this.values = tensor.data();
  }

  /**
   * Wraps what a model gave.
   *
   * @param tensor F32 or F64, [examples, classes] or [examples, positions, classes]
   * @throws IllegalArgumentException if it is anything else
   */
  public static Logits of(HostTensor tensor) {
    int dimensions = tensor.dimensions();
    boolean real = tensor.dtype() == Dtype.F32 || tensor.dtype() == Dtype.F64;
    if (!real || dimensions < 2 || dimensions > 3) {
      throw new IllegalArgumentException(
          "logits are "
              + tensor
              + ", not F32 or F64 [examples, classes] or [examples, positions, classes]");
    }
    int positions = dimensions == 3 ? Math.toIntExact(tensor.size(1)) : 1;
    return new Logits(
        Math.toIntExact(tensor.size(0)),
        positions,
        Math.toIntExact(tensor.size(dimensions - 1)),
        tensor);
  }

  /** The number of examples. */
  public int examples() {
    return examples;
  }

  /** Rows of each example: 1 unless the model gives logits for every token. */
  public int positions() {
    return positions;
  }

  /** The number of rows, examples × positions; row = example · positions + position. */
  public int rows() {
    return Math.multiplyExact(examples, positions);
  }

  /** The width of a row. */
  public int classes() {
    return classes;
  }

  /** Whether the model computes in double precision. */
  public boolean isDouble() {
    return wide;
  }

  /** What they take, in bytes. */
  public long bytes() {
    return (long) rows() * classes * (wide ? Double.BYTES : Float.BYTES);
  }

  /** A copy of one row. */
  public double[] row(int row) {
    double[] logits = new double[classes];
    int start = Math.multiplyExact(row, classes);
    for (int i = 0; i < classes; i++) {
      logits[i] = wide ? values.getDouble(8 * (start + i)) : values.getFloat(4 * (start + i));
    }
    return logits;
  }
}
