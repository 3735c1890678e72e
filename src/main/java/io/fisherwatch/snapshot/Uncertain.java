package io.fisherwatch.snapshot;

import java.util.Optional;
import java.util.OptionalDouble;

/**
 * A figure and how far to trust it.
 *
 * @param value the estimate
 * @param standardError its standard error; empty while undefined, 0 only where the value is exact
 * @param interval a confidence interval, on the logarithmic scale for what is positive; empty while
 *     undefined
 */
public record Uncertain(double value, OptionalDouble standardError, Optional<Interval> interval) {

  /** A figure whose error is not known. */
  public static Uncertain of(double value) {
    return new Uncertain(value, OptionalDouble.empty(), Optional.empty());
  }

  /** A figure with its error; NaN stands for an error that is not known. */
  public static Uncertain of(double value, double standardError) {
    return new Uncertain(
        value,
        Double.isNaN(standardError) ? OptionalDouble.empty() : OptionalDouble.of(standardError),
        Optional.empty());
  }

  /** The same figure with the interval value·e^±h; NaN stands for none. */
  public Uncertain withLogHalfWidth(double halfWidth) {
    return Double.isNaN(halfWidth)
        ? this
        : new Uncertain(
            value,
            standardError,
            Optional.of(new Interval(value * Math.exp(-halfWidth), value * Math.exp(halfWidth))));
  }
}
