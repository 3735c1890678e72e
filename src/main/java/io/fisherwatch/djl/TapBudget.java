package io.fisherwatch.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;

/**
 * How many examples of a batch are squared in one pass, whose taps all lie in memory together, and
 * whose logits are copied to the JVM's. A first pass takes few, by the size of the inputs and the
 * widest parameter, and tells how much an example takes; so it hangs on nothing but the model and
 * the batch.
 */
final class TapBudget {

  /** Inputs of a first pass: 128 rows of 64 floats, or 16 sequences of 64 tokens and a mask. */
  private static final long INPUT_BYTES = 32 << 10;

  /** Taps of a pass. Their gradients and what autograd keeps take about as much each. */
  private static final long TAP_BYTES = 512L << 20;

  /** Logits of a pass, on the JVM's heap, with as much beside it for their cotangents. */
  static final long LOGIT_BYTES = 64L << 20;

  private static final int MOST = 1024;

  private int examples;
  private boolean measured;

  private TapBudget(int examples) {
    this.examples = examples;
  }

  /**
   * The budget of a batch. Before a pass, its logits are guessed as one row for every number of the
   * input, as wide as a dimension of a parameter can make it: one example where that is much.
   *
   * @param widest the largest dimension of a parameter, such as a vocabulary
   */
  static TapBudget of(NDList inputs, int examples, long widest) {
    long bytes = 0;
    long numbers = 1;
    for (NDArray input : inputs) {
      bytes += input.size() * input.getDataType().getNumOfBytes();
      numbers = Math.max(numbers, input.size() / examples);
    }
    long byLogits = LOGIT_BYTES / Float.BYTES / numbers / Math.max(1, widest);
    return new TapBudget(bounded(Math.min(INPUT_BYTES * examples / Math.max(1, bytes), byLogits)));
  }

  /** Examples of the next pass. */
  int examples() {
    return examples;
  }

  /** Takes in what an example's taps and its logits take. */
  void learn(long tapBytes, long logitBytes) {
    if (!measured) {
      examples =
          bounded(
              Math.min(TAP_BYTES / Math.max(1, tapBytes), LOGIT_BYTES / Math.max(1, logitBytes)));
      measured = true;
    }
  }

  private static int bounded(long examples) {
    return (int) Math.max(1, Math.min(MOST, examples));
  }
}
