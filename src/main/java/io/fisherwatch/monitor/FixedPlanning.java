package io.fisherwatch.monitor;

import java.util.OptionalDouble;

/**
 * A plan from the settings alone, the same for every batch.
 *
 * <p>{@code hutchinson} and {@code monte-carlo} square the whole batch, as in the paper, with eight
 * probes. {@code deflated} and {@code exact} square each example alone (up to 256 of them, or all
 * if tapped): that removes the cross terms between examples, and with them most of the variance,
 * for the same backward work; with them rank-one parts have no randomness. A core of few parts is
 * split wholly.
 */
final class FixedPlanning implements Planning {

  /** Up to this many parts the deflated estimator splits all of them off and is exact. */
  static final int FEW_PARTS = 3;

  /** With a target, one micro-batch in so many gets a second probe at first. */
  private static final int PAIR_EVERY = 4;

  /** Fewer pairs say too little of the variance, which a few ambiguous examples may make. */
  private static final int ENOUGH_PAIRS = 32;

  private static final int PROBES = 2;
  private static final int WHOLE_BATCH_PROBES = 8;

  private final EstimatorSettings settings;
  private final OptionalDouble target;
  private boolean tapped;

  /**
   * @param target relative standard error that more probes are spent on until it is reached
   */
  FixedPlanning(EstimatorSettings settings, OptionalDouble target) {
    this.settings = settings;
    this.target = target;
  }

  @Override
  public int microBatch(int examples, boolean taps) {
    tapped = taps;
    int chosen = settings.kind().splits() ? Plan.finest(examples, tapped) : examples;
    return Math.min(examples, settings.microBatch().orElse(chosen));
  }

  /** The rank of a settings' estimator where nothing has been measured. */
  static int rank(EstimatorSettings settings, int parts) {
    return switch (settings.kind()) {
      case EXACT -> parts;
      case DEFLATED -> Math.min(parts, settings.rank().orElse(parts <= FEW_PARTS ? parts : 1));
      case HUTCHINSON, MONTE_CARLO -> 0;
    };
  }

  @Override
  public Plan plan(int parts, int examples, int positions) {
    int rank = rank(settings, parts);
    int microBatch = microBatch(examples, tapped);
    String why =
        switch (settings.kind()) {
          case EXACT -> "every part of every output alone";
          case DEFLATED ->
              rank == parts
                  ? "all " + parts + " parts split off"
                  : microBatch == 1
                      ? "examples squared one at a time: no cross terms between them"
                      : "micro-batches of " + microBatch;
          case HUTCHINSON, MONTE_CARLO -> "whole batches, as in the paper";
        };
    if (settings.kind() == EstimatorKind.EXACT) {
      return new Plan(rank, 1, microBatch, 0, why);
    }
    if (settings.probes().isPresent()) {
      return new Plan(rank, settings.probes().getAsInt(), microBatch, 0, why + "; probes as given");
    }
    if (target.isPresent()) {
      boolean many = examples / microBatch >= PAIR_EVERY * ENOUGH_PAIRS;
      String until = why + "; probes until the target of " + target.getAsDouble();
      return new Plan(rank, many ? 1 : PROBES, microBatch, many ? PAIR_EVERY : 0, until);
    }
    int probes = settings.kind() == EstimatorKind.DEFLATED ? PROBES : WHOLE_BATCH_PROBES;
    return new Plan(rank, probes, microBatch, 0, why);
  }
}
