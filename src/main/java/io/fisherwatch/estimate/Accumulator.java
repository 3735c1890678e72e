package io.fisherwatch.estimate;

import java.nio.DoubleBuffer;

/**
 * Something accumulated whose whole content is a fixed number of doubles, so that it can be written
 * down and taken up again bit for bit.
 */
public interface Accumulator {

  /** How many doubles it is. */
  int size();

  /** Writes them. */
  void save(DoubleBuffer to);

  /** Becomes what was written. */
  void restore(DoubleBuffer from);
}
