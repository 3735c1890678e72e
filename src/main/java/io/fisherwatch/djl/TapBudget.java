package io.fisherwatch.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;

/**
 * How many examples of a batch are squared in one pass, whose taps all lie in memory together. A
 * first pass takes few, by the size of the inputs, and tells how much an example takes; so it hangs
 * on nothing but the model and the batch.
 */
final class TapBudget {

  /** Inputs of a first pass: 128 rows of 64 floats, or 16 sequences of 64 tokens and a mask. */
  private static final long INPUT_BYTES = 32 << 10;

  /** Taps of a pass. Their gradients and what autograd keeps take about as much each. */
  private static final long TAP_BYTES = 512L << 20;

  private static final int LEAST = 4;
  private static final int MOST = 1024;

  private int examples;
  private boolean measured;

  private TapBudget(int examples) {
    this.examples = examples;
  }

  static TapBudget of(NDList inputs, int examples) {
    long bytes = 1;
    for (NDArray input : inputs) {
      bytes += input.size() * input.getDataType().getNumOfBytes();
    }
    return new TapBudget(bounded(INPUT_BYTES * examples / bytes, LEAST));
  }

  /** Examples of the next pass. */
  int examples() {
    return examples;
  }

  /** Takes in what an example's taps take. */
  void learn(long bytesPerExample) {
    if (!measured) {
      examples = bounded(TAP_BYTES / Math.max(1, bytesPerExample), 1);
      measured = true;
    }
  }

  private static int bounded(long examples, int least) {
    return (int) Math.max(least, Math.min(MOST, examples));
  }
}
