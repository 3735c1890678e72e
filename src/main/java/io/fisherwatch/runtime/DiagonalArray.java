package io.fisherwatch.runtime;

import java.nio.ByteBuffer;
import java.util.function.Consumer;

/**
 * One float32 number for every scalar of the trainable parameters, on the model's device. Parameter
 * indices are those of {@link Model#parameters()}. Outlives a replacement of weights; close it
 * before its model.
 */
public interface DiagonalArray extends AutoCloseable {

  /**
   * Moves towards {@code scale · sums} by a share: {@code this += weight · (scale · sums − this)};
   * empties the sums.
   */
  void averageIn(DiagonalArray sums, double scale, double weight);

  /** Adds another array. */
  void add(DiagonalArray other);

  /** Multiplies all with a factor. */
  void scale(double factor);

  /** Sets all to zero. */
  void clear();

  /**
   * Counts the entries of some parameters by the upper 16 bits of their float32 pattern: [0, 32640)
   * are the finite non-negative values in increasing order, 128 bins to the octave, bin 0 exact
   * zeros only, bin 1 all subnormals; 32640 counts all others.
   */
  long[] histogram(int... parameters);

  /** Streams one parameter's entries, row-major little-endian float32, in chunks. */
  void read(int parameter, Consumer<ByteBuffer> sink);

  @Override
  void close();
}
