package io.fisherwatch.likelihood;

import java.util.Arrays;
import java.util.Optional;

/** Distributions of a probe's entries: mean 0, variance 1. */
public enum Distribution {
  /** ±1 with equal probability: the least variance of a square. */
  RADEMACHER("rademacher"),
  /** Standard normal. */
  GAUSSIAN("gaussian");

  private final String label;

  Distribution(String label) {
    this.label = label;
  }

  /** The name in configuration, commands and JSON. */
  public String label() {
    return label;
  }

  /** The distribution of a name. */
  public static Optional<Distribution> of(String label) {
    return Arrays.stream(values()).filter(one -> one.label.equals(label)).findFirst();
  }
}
