package io.fisherwatch.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;

/**
 * How many examples of a batch are squared in one pass, whose taps all lie in memory together, and
 * whose logits are copied to the JVM's; and how many pulls through it are made in one call. What
 * examples take tells, unless the whole batch fits by any reckoning; so it hangs on nothing but the
 * model, the batch and the kind of device.
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

  /** Gradients at the taps, of all pulls of one call. Of a DistilBERT one pull at a time. */
  private static final long PULLS_BYTES = 128L << 20;

  private static final int MOST = 1024;

  private TapBudget() {}

  /**
   * How many examples fit, reckoned from the inputs and the model alone. Every number of an
   * example's widest input is taken for a position that goes through all layers and comes out as
   * logits, as wide as a dimension of a parameter can make them.
   *
   * @param widest the largest dimension of a parameter, such as a vocabulary
   * @param widths the sum of all dimensions of all matrices
   */
  static int unseen(boolean gpu, NDList inputs, int examples, long widest, long widths) {
    long numbers = 1;
    for (NDArray input : inputs) {
      numbers = Math.max(numbers, input.size() / examples);
    }
    long byTaps = bytes(gpu) / Float.BYTES / numbers / Math.max(1, widths);
    long byLogits = LOGIT_BYTES / Float.BYTES / numbers / Math.max(1, widest);
    return bounded(Math.min(byTaps, byLogits));
  }

  /** How many examples fit whose taps and logits take so much each. */
  static int seen(boolean gpu, long tapBytes, long logitBytes) {
    return fit(bytes(gpu), tapBytes, logitBytes);
  }

  /** How many examples a pass takes, of passes as alike as can be. */
  static int evenly(int examples, int most) {
    int passes = (examples + most - 1) / most;
    return (examples + passes - 1) / passes;
  }

  /** How many pulls are made in one call, whose gradients at the taps take so much each. */
  static int pulls(long deltaBytes, long logitBytes) {
    return fit(PULLS_BYTES, deltaBytes, logitBytes);
  }

  private static int fit(long most, long bytes, long logitBytes) {
    return bounded(Math.min(most / Math.max(1, bytes), LOGIT_BYTES / Math.max(1, logitBytes)));
  }

  private static long bytes(boolean gpu) {
    return gpu ? GPU_BYTES : CORE_BYTES;
  }

  private static int bounded(long examples) {
    return (int) Math.max(1, Math.min(MOST, examples));
  }
}
