package io.fisherwatch.monitor;

import io.fisherwatch.likelihood.Likelihood;
import io.fisherwatch.runtime.Logits;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.safetensors.HostTensor;

/**
 * The labels and the mask of a batch, one of each for every row of the whole batch's logits.
 *
 * <p>A mask's zeros are masked; without a mask, labels of −100 are, as in PyTorch.
 */
final class Targets {

  private static final long IGNORED = -100;

  private final long[] labels;
  private final boolean[] masked;

  private Targets(long[] labels, boolean[] masked) {
    this.labels = labels;
    this.masked = masked;
  }

  /**
   * Reads labels and mask, checked against the logits of one micro-batch.
   *
   * @throws ModelException {@code shape-mismatch}, {@code dtype-mismatch}, {@code bad-label}
   */
  static Targets of(Batch batch, int examples, Logits logits, Likelihood likelihood)
      throws ModelException {
    int rows = Math.multiplyExact(examples, logits.positions());
    boolean[] masked = new boolean[rows];
    long[] labels = new long[0];
    boolean classified = likelihood.kind().equals("categorical");
    if (batch.labels().isPresent() && classified) {
      labels = longs("labels", batch.labels().get(), rows);
      if (batch.mask().isEmpty()) {
        for (int row = 0; row < rows; row++) {
          masked[row] = labels[row] == IGNORED;
        }
      }
    }
    if (batch.mask().isPresent()) {
      masked = zeros(batch.mask().get(), rows);
    }
    for (int row = 0; row < labels.length; row++) {
      boolean valid = labels[row] >= 0 && labels[row] < logits.classes();
      if (!masked[row] && !valid && labels[row] != IGNORED) {
        throw new ModelException(
            "bad-label",
            "label "
                + labels[row]
                + " of output "
                + row
                + " is neither a class (0 to "
                + (logits.classes() - 1)
                + ") nor -100");
      }
    }
    return new Targets(labels, masked);
  }

  /** Whether there are labels for the empirical matrix: every unmasked row has one. */
  boolean labelled() {
    for (int row = 0; row < labels.length; row++) {
      if (!masked[row] && labels[row] == IGNORED) {
        return false;
      }
    }
    return labels.length > 0;
  }

  boolean isMasked(int row) {
    return masked[row];
  }

  /** The label of a row; −1 if there is none. */
  int label(int row) {
    return labels.length == 0 ? -1 : (int) labels[row];
  }

  /** Unmasked rows. */
  int unmasked() {
    int count = 0;
    for (boolean one : masked) {
      count += one ? 0 : 1;
    }
    return count;
  }

  private static boolean[] zeros(HostTensor mask, int rows) throws ModelException {
    requireRows("mask", mask, rows);
    double[] values = mask.toDoubles();
    boolean[] zeros = new boolean[rows];
    for (int row = 0; row < rows; row++) {
      zeros[row] = values[row] == 0;
    }
    return zeros;
  }

  private static long[] longs(String name, HostTensor tensor, int rows) throws ModelException {
    requireRows(name, tensor, rows);
    if (tensor.dtype().isFloating()) {
      throw new ModelException(
          "dtype-mismatch", name + " are " + tensor + ", not class indices (I64)");
    }
    return tensor.toLongs();
  }

  private static void requireRows(String name, HostTensor tensor, int rows) throws ModelException {
    if (tensor.elements() != rows) {
      throw new ModelException(
          "shape-mismatch",
          name + " " + tensor + " do not match the " + rows + " outputs of the batch");
    }
  }
}
