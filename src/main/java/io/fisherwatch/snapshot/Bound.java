package io.fisherwatch.snapshot;

/**
 * The two sides from which F is bracketed; the gap of a side is the trace between the envelope and
 * F.
 */
public enum Bound {
  /** tr F − tr lower. */
  LOWER("lower"),
  /** tr upper − tr F. */
  UPPER("upper");

  private final String label;

  Bound(String label) {
    this.label = label;
  }

  /** The name that metrics and JSON carry. */
  public String label() {
    return label;
  }
}
