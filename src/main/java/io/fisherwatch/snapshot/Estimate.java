package io.fisherwatch.snapshot;

/**
 * The matrices whose traces are estimated, in their Loewner order: lower ⪯ fisher ⪯ upper. The
 * empirical one, from the labels of the data instead of the model's own, has no place in the order.
 */
public enum Estimate {
  /**
   * The rank-one envelope from below (LR): the leading eigenpair of every example's core matrix,
   * pulled back.
   */
  LOWER("lower"),
  /** The Fisher information matrix F itself. */
  FISHER("fisher"),
  /** The diagonal envelope from above (DG): diag(p) in place of diag(p) − ppᵀ, pulled back. */
  UPPER("upper"),
  /** The matrix of the gradients at the data's own labels. */
  EMPIRICAL("empirical");

  private final String label;

  Estimate(String label) {
    this.label = label;
  }

  /** The name that metrics, JSON and tensors carry. */
  public String label() {
    return label;
  }
}
