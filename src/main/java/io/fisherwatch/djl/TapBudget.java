package io.fisherwatch.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;

/**
 * How many examples of a batch are squared in one pass, whose taps all lie in memory together, and
 * whose logits are copied to the JVM's. A first pass takes few, by the size of the inputs and the
 * widths of all layers, and tells how much an example takes; so it hangs on nothing but the model,
 * the batch and the kind of device.
 */
final class TapBudget {

  /**
   * Taps of a pass on the CPU. Their gradients and what autograd keeps take about as much each. Of
   * a DistilBERT eight sequences of 64 tokens; with four, each takes a tenth longer.
   */
  private static final long CORE_BYTES = 256L << 20;

  /** On a GPU, which takes long to start an operation. */
  private static final long GPU_BYTES = 512L << 20;

  /** Logits of a pass, on the JVM's heap, with as much beside it for their cotangents. */
  static final long LOGIT_BYTES = 64L << 20;

  private static final int MOST = 1024;

  private final long mostBytes;
  private int examples;
  private boolean measured;

  private TapBudget(long mostBytes, int examples) {
    this.mostBytes = mostBytes;
    this.examples = examples;
  }

  /**
   * The budget of a batch. Before a pass, every number of an example's widest input is taken for a
   * position that goes through all layers and comes out as logits, as wide as a dimension of a
   * parameter can make them: a few examples where that is much.
   *
   * @param widest the largest dimension of a parameter, such as a vocabulary
   * @param widths the sum of all dimensions of all matrices
   */
  static TapBudget of(boolean gpu, NDList inputs, int examples, long widest, long widths) {
    long numbers = 1;
    for (NDArray input : inputs) {
      numbers = Math.max(numbers, input.size() / examples);
    }
    long mostBytes = gpu ? GPU_BYTES : CORE_BYTES;
    long byTaps = mostBytes / Float.BYTES / numbers / Math.max(1, widths);
    long byLogits = LOGIT_BYTES / Float.BYTES / numbers / Math.max(1, widest);
    return new TapBudget(mostBytes, bounded(Math.min(byTaps, byLogits)));
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
              Math.min(mostBytes / Math.max(1, tapBytes), LOGIT_BYTES / Math.max(1, logitBytes)));
      measured = true;
    }
  }

  private static int bounded(long examples) {
    return (int) Math.max(1, Math.min(MOST, examples));
  }
}
