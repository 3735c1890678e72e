package io.fisherwatch.monitor;

/**
 * What one batch is estimated with.
 *
 * @param rank rank-one parts split off; 0 where the estimator splits none
 * @param probes independent probes of what is random
 * @param microBatch examples squared together
 * @param pairEvery with a single probe, one in so many micro-batches gets a second one, drawn at
 *     random, from which the variance of all is inferred; 0 for none
 * @param tapped whether examples are squared each by itself in passes of many
 * @param reason one line that says why
 */
record Plan(int rank, int probes, int microBatch, int pairEvery, boolean tapped, String reason) {

  /** Above this many micro-batches a batch is cut more coarsely, unless a size is given. */
  static final int MOST_MICRO_BATCHES = 256;

  /** Backward passes over a batch for F: what the bare forward pass and the set-up cost besides. */
  private static final double FORWARD_WORK = 0.5;

  /** Examples that share what is done once for each parameter, if there are taps. */
  private static final double TAPPED_TOGETHER = 32;

  Plan(int rank, int probes, int microBatch) {
    this(rank, probes, microBatch, 0, "as given");
  }

  Plan(int rank, int probes, int microBatch, int pairEvery, String reason) {
    this(rank, probes, microBatch, pairEvery, false, reason);
  }

  /** The same by the path that is taken. */
  Plan via(boolean taps) {
    return new Plan(rank, probes, microBatch, pairEvery, taps, reason);
  }

  /** The same with another number of probes. */
  Plan withProbes(int count) {
    return new Plan(rank, count, microBatch, pairEvery, tapped, reason);
  }

  /** The finest micro-batch that a batch is cut into unasked. */
  static int finest(int examples, boolean tapped) {
    return tapped ? 1 : (examples + MOST_MICRO_BATCHES - 1) / MOST_MICRO_BATCHES;
  }

  /**
   * The work of this plan, counted in backward passes of one example: a pass costs as much again
   * for what is done once for each parameter, and more on a tiny model, where calls cost more than
   * arithmetic. With taps a pass of many examples squares each of them, for the same arithmetic.
   *
   * @param fixedTerms terms that are squared once for each micro-batch
   * @param randomTerms terms that are squared once for each probe
   * @param parameters scalars of the model
   */
  double work(int examples, int fixedTerms, int randomTerms, long parameters) {
    double together = tapped ? TAPPED_TOGETHER : microBatch;
    double microBatches = Math.ceil(examples / together);
    double pairs = probes == 1 && pairEvery > 0 ? 1.0 / pairEvery : 0;
    double passes = fixedTerms + randomTerms * (probes + pairs);
    double perCall = 1 + 1e5 / parameters;
    return (FORWARD_WORK + passes) * (examples + microBatches * perCall);
  }
}
