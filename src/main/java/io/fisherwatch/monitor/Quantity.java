package io.fisherwatch.monitor;

import io.fisherwatch.snapshot.Bound;
import io.fisherwatch.snapshot.Estimate;
import java.util.Optional;

/** A matrix whose trace is estimated: one of the four estimates, or the gap on one side of F. */
enum Quantity {
  LOWER(Estimate.LOWER),
  FISHER(Estimate.FISHER),
  UPPER(Estimate.UPPER),
  EMPIRICAL(Estimate.EMPIRICAL),
  LOWER_GAP(Bound.LOWER),
  UPPER_GAP(Bound.UPPER);

  private final Optional<Estimate> estimate;
  private final Optional<Bound> bound;

  Quantity(Estimate estimate) {
    this.estimate = Optional.of(estimate);
    this.bound = Optional.empty();
  }

  Quantity(Bound bound) {
    this.estimate = Optional.empty();
    this.bound = Optional.of(bound);
  }

  /** The estimate that it is, unless it is a gap. */
  Optional<Estimate> estimate() {
    return estimate;
  }

  /** The side whose gap it is, unless it is an estimate. */
  Optional<Bound> bound() {
    return bound;
  }
}
