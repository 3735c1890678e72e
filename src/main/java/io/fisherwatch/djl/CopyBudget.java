package io.fisherwatch.djl;

/**
 * Whether several cotangents of one batch are pulled back by one pass over as many copies of it.
 * That costs a forward pass for each, and saves what it takes to start so many small operations:
 * worth it where the operations are so small that starting them is most of the work.
 */
final class CopyBudget {

  /** Multiplications in a forward pass: a tenth of a millisecond of a core. */
  private static final double LITTLE_FOR_A_CORE = 2e6;

  /** A few milliseconds of a large GPU, which takes ten microseconds to start each operation. */
  private static final double LITTLE_FOR_A_GPU = 1e11;

  /** Taps of all copies. */
  private static final long CORE_BYTES = 64L << 20;

  private static final long GPU_BYTES = 2L << 30;

  private CopyBudget() {}

  /**
   * How many copies at most; 1 where one by one is cheaper.
   *
   * @param tapBytes of one copy
   * @param rows that go through a layer: examples times positions
   * @param logitBytes of one copy
   */
  static int copies(boolean gpu, long parameters, long rows, long tapBytes, long logitBytes) {
    double work = (double) parameters * rows;
    if (work > (gpu ? LITTLE_FOR_A_GPU : LITTLE_FOR_A_CORE)) {
      return 1;
    }
    long byTaps = (gpu ? GPU_BYTES : CORE_BYTES) / Math.max(1, tapBytes);
    long byLogits = TapBudget.LOGIT_BYTES / Math.max(1, logitBytes);
    return (int) Math.max(1, Math.min(1024, Math.min(byTaps, byLogits)));
  }
}
