package io.fisherwatch.monitor;

import io.fisherwatch.likelihood.Distribution;
import io.fisherwatch.snapshot.Estimate;
import java.util.Collections;
import java.util.EnumSet;
import java.util.OptionalInt;
import java.util.Set;

/**
 * How to estimate. What is empty is chosen by a {@link Planning}.
 *
 * @param kind the estimator
 * @param rank rank-one parts split off by {@code deflated}
 * @param probes independent probes of what is random
 * @param microBatch examples squared together; {@link #WHOLE} for the whole batch
 * @param distribution of the probes
 * @param seed of all randomness
 * @param diagonals the matrices whose diagonal is kept; empirical is not among them
 * @param budget what the estimate may cost where probes are not given
 */
public record EstimatorSettings(
    EstimatorKind kind,
    OptionalInt rank,
    OptionalInt probes,
    OptionalInt microBatch,
    Distribution distribution,
    long seed,
    Set<Estimate> diagonals,
    Budget budget) {

  /** A micro-batch of as many examples as the batch has. */
  public static final int WHOLE = Integer.MAX_VALUE;

  public EstimatorSettings {
    requireAtLeast("rank", rank, 0);
    requireAtLeast("probes", probes, 1);
    requireAtLeast("micro-batch", microBatch, 1);
    if (diagonals.contains(Estimate.EMPIRICAL)) {
      throw new IllegalArgumentException("no diagonal is kept of the empirical matrix");
    }
    EnumSet<Estimate> copy = EnumSet.noneOf(Estimate.class);
    copy.addAll(diagonals);
    diagonals = Collections.unmodifiableSet(copy);
  }

  private static void requireAtLeast(String name, OptionalInt value, int least) {
    if (value.isPresent() && value.getAsInt() < least) {
      throw new IllegalArgumentException(name + " " + value.getAsInt() + " is below " + least);
    }
  }
}
