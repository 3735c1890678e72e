package io.fisherwatch.monitor;

import io.fisherwatch.likelihood.Likelihood;

/**
 * What one batch is estimated with.
 *
 * @param rank rank-one parts split off; 0 where the estimator splits none
 * @param probes independent probes of what is random
 * @param microBatch examples squared together
 */
record Plan(int rank, int probes, int microBatch) {

  /** Above this many micro-batches a batch is cut more coarsely, unless a size is given. */
  private static final int MOST_MICRO_BATCHES = 256;

  /** Up to this many parts the deflated estimator splits all of them off and is exact. */
  private static final int FEW_PARTS = 3;

  /**
   * Fills in what the settings leave open.
   *
   * <p>{@code hutchinson} and {@code monte-carlo} square the whole batch, as in the paper, with
   * eight probes. {@code deflated} and {@code exact} square each example alone (up to 256 of them):
   * that removes the cross terms between examples, and with them most of the variance, for the same
   * backward work.
   */
  static Plan of(EstimatorSettings settings, Likelihood likelihood, int classes, int examples) {
    int parts = Terms.mostParts(likelihood, classes);
    int rank =
        switch (settings.kind()) {
          case EXACT -> parts;
          case DEFLATED -> Math.min(parts, settings.rank().orElse(parts <= FEW_PARTS ? parts : 1));
          case HUTCHINSON, MONTE_CARLO -> 0;
        };
    int probes =
        switch (settings.kind()) {
          case EXACT -> 1;
          case DEFLATED -> settings.probes().orElse(2);
          case HUTCHINSON, MONTE_CARLO -> settings.probes().orElse(8);
        };
    return new Plan(rank, probes, microBatch(settings, examples));
  }

  /** How many examples are squared together. */
  static int microBatch(EstimatorSettings settings, int examples) {
    boolean splits =
        settings.kind() == EstimatorKind.DEFLATED || settings.kind() == EstimatorKind.EXACT;
    int single = (examples + MOST_MICRO_BATCHES - 1) / MOST_MICRO_BATCHES;
    return Math.min(examples, settings.microBatch().orElse(splits ? single : examples));
  }
}
