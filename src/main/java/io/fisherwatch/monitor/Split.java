package io.fisherwatch.monitor;

import io.fisherwatch.likelihood.Core;
import io.fisherwatch.likelihood.Probe;

/**
 * The split probe: √λ₁v₁ξ₀ + (1 − v₁v₁ᵀ)u(ξ), whose covariance is the core matrix. The leading
 * direction gets a sign of its own instead of one that half of the draws cancel.
 */
final class Split {

  private Split() {}

  static void fill(Core core, Probe probe, double[] cotangent) {
    core.remainder(1, probe, cotangent);
    if (core.rank() == 0) {
      return;
    }
    double[] leading = new double[cotangent.length];
    core.part(0, leading);
    double sign = probe.next();
    for (int i = 0; i < cotangent.length; i++) {
      cotangent[i] += sign * leading[i];
    }
  }
}
