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
   * Moves a weighted mean towards a new value x = scale · sums of a weight w by the share that w is
   * of all: {@code this += share · (x − this)}, {@code scatter += w · (1 − share) · (x − this)²}
   * with the mean before. Empties the sums. Entries below about 1e-19 scatter by less than float32
   * can hold.
   */
  void averageIn(
      DiagonalArray sums, double scale, double share, DiagonalArray scatter, double weight);

  /**
   * A copy that may outlive the model and can be read only: {@link #read} and {@link #close}, by
   * any thread.
   */
  DiagonalArray copy();

  /** Adds another array, multiplied with a factor. */
  void add(DiagonalArray other, double factor);

  /** Multiplies all with a factor. */
  void scale(double factor);

  /** Takes the square root of all. */
  void squareRoot();

  /**
   * Counts the entries d of some parameters whose noise leaves open on which side of a threshold
   * they are. With e² = factor · scatter the squared standard error, an entry is as noisy as χ²/K
   * with K = 2d²/e² degrees of freedom (Wilson and Hilferty's approximation of it).
   *
   * @param quantile of the noise on the normal scale, on either side
   */
  long undetermined(
      DiagonalArray scatter, double factor, double quantile, double threshold, int... parameters);

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

  /**
   * Sets some of one parameter's entries.
   *
   * @param offset the first of them
   * @param chunk little-endian float32
   */
  void write(int parameter, long offset, ByteBuffer chunk);

  @Override
  void close();
}
