package io.fisherwatch.snapshot;

import java.util.OptionalDouble;

/**
 * A figure and how far to trust it.
 *
 * @param value the estimate
 * @param standardError its standard error; empty while undefined, 0 only where the value is exact
 */
public record Uncertain(double value, OptionalDouble standardError) {

  /** A figure whose error is not known. */
  public static Uncertain of(double value) {
    return new Uncertain(value, OptionalDouble.empty());
  }

  /** A figure with its error; NaN stands for an error that is not known. */
  public static Uncertain of(double value, double standardError) {
    return new Uncertain(
        value,
        Double.isNaN(standardError) ? OptionalDouble.empty() : OptionalDouble.of(standardError));
  }
}
