package io.fisherwatch.monitor;

import java.util.OptionalDouble;

/**
 * What an estimate may cost where probes are not given.
 *
 * @param targetRelativeError relative standard error, of the probes alone, that the trace of F over
 *     the whole model shall have: in all where the data are fixed, batch by batch in a stream
 * @param secondsPerBatch time that a batch of a stream may take; with it, choices hang on a clock
 */
public record Budget(OptionalDouble targetRelativeError, OptionalDouble secondsPerBatch) {

  /** No limits: the least time × variance. */
  public static final Budget NONE = new Budget(OptionalDouble.empty(), OptionalDouble.empty());

  public Budget {
    requirePositive("target relative error", targetRelativeError);
    requirePositive("seconds per batch", secondsPerBatch);
  }

  private static void requirePositive(String name, OptionalDouble value) {
    if (value.isPresent() && !(value.getAsDouble() > 0 && value.getAsDouble() < 1e9)) {
      throw new IllegalArgumentException(name + " " + value.getAsDouble() + " is not above 0");
    }
  }
}
