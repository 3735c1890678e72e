package io.fisherwatch.monitor;

import java.util.Arrays;
import java.util.Optional;

/** How a core matrix is split into parts whose pull-backs are squared. */
public enum EstimatorKind {
  /**
   * Rank-one parts, each squared alone, then one stochastic remainder and one complement: ordered
   * by construction, and without randomness in the parts of a single example.
   */
  DEFLATED("deflated"),
  /** The paper's estimators of F, lower and upper, each from random signs of its own. */
  HUTCHINSON("hutchinson"),
  /** Labels drawn from the model's own output. */
  MONTE_CARLO("monte-carlo"),
  /** Every rank-one part of every output alone: no randomness. */
  EXACT("exact");

  private final String label;

  EstimatorKind(String label) {
    this.label = label;
  }

  /** The name in configuration, commands and JSON. */
  public String label() {
    return label;
  }

  /** Whether it squares parts of the core matrix alone, example by example if it can. */
  boolean splits() {
    return this == DEFLATED || this == EXACT;
  }

  /** The kind of a name. */
  public static Optional<EstimatorKind> of(String label) {
    return Arrays.stream(values()).filter(kind -> kind.label.equals(label)).findFirst();
  }
}
