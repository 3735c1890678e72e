package io.fisherwatch.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.pytorch.engine.PtNDManager;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;

/**
 * Counts float32 numbers that lie in the host's memory, where they lie: the JVM reads a pattern of
 * bits as an integer, which TorchScript cannot, and so needs a tenth of the time.
 */
final class HostHistogram {

  /** All that are no finite non-negative numbers. */
  private static final int OTHERS = 32640;

  /** Patterns from here on are of normal numbers: 128 bins to an octave. */
  private static final int FIRST_NORMAL = 128;

  private static final long CHUNK = 1L << 28;

  private final long[] counts = new long[OTHERS + 1];

  /**
   * Counts an array's numbers.
   *
   * @param array float32, in the host's memory
   */
  void add(NDArray array, PtNDManager manager) {
    long size = array.size();
    for (long start = 0; start < size; start += CHUNK) {
      try (PtNDManager scope = (PtNDManager) manager.newSubManager()) {
        NDArray flat = array.flatten();
        flat.attach(scope);
        NDArray chunk = flat;
        if (size > CHUNK) {
          chunk = flat.get(new NDIndex(start + ":" + Math.min(size, start + CHUNK)));
          chunk.attach(scope);
        }
        ByteBuffer there = chunk.toByteBuffer(true);
        add(there.order(ByteOrder.nativeOrder()).asIntBuffer());
      }
    }
  }

  /** Counts numbers by their patterns of bits. */
  void add(IntBuffer patterns) {
    int size = patterns.remaining();
    for (int i = 0; i < size; i++) {
      counts[bin(patterns.get(i))]++;
    }
  }

  private static int bin(int bits) {
    int upper = bits >>> 16;
    if (upper >= FIRST_NORMAL && upper < OTHERS) {
      return upper;
    }
    if (bits << 1 == 0) {
      return 0; // either zero
    }
    return upper < FIRST_NORMAL ? 1 : OTHERS;
  }

  /** By bin: 0 exact zeros, 1 what is below the normal numbers, the last all others; not a copy. */
  long[] counts() {
    return counts;
  }
}
