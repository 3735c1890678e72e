package io.fisherwatch.monitor;

import io.fisherwatch.likelihood.Distribution;

/**
 * One way through a batch: what is squared, and how many probes each micro-batch gets of what is
 * random.
 *
 * @param classes the width of a row of logits
 * @param draws probes of this round
 * @param firstDraw the first of them; 0 in the first round only
 * @param amplitude the square root of the round's weight
 */
record Round(
    EstimatorSettings settings,
    Targets targets,
    Terms terms,
    Plan plan,
    int examples,
    int classes,
    int draws,
    int firstDraw,
    double amplitude) {

  /** Word of a key that no term has: it draws the micro-batches that get a second probe. */
  private static final long PAIRING = -1;

  boolean isFirst() {
    return firstDraw == 0;
  }

  /**
   * Whether a term has randomness left in a micro-batch's rows. A whole batch is squared probe by
   * probe even if it is one row: probes are compared.
   */
  boolean isRandom(Term term, Rows rows) {
    boolean fixedSign = settings.distribution() == Distribution.RADEMACHER;
    boolean compared = !settings.kind().splits() && plan.microBatch() >= examples;
    return !term.rankOne() || rows.count() > 1 || !fixedSign || compared;
  }

  /** Probes of a random term in a micro-batch: one in so many has a second one. */
  int draws(int from, Drawing drawing) {
    if (!isFirst() || draws > 1 || plan.pairEvery() == 0) {
      return draws;
    }
    int index = from / plan.microBatch();
    int block = index / plan.pairEvery();
    int chosen = (int) (drawing.probe(block, PAIRING, 0).uniform() * plan.pairEvery());
    int microBatches = (examples + plan.microBatch() - 1) / plan.microBatch();
    int blocks = microBatches / plan.pairEvery();
    return block < blocks && index % plan.pairEvery() == chosen ? 2 : 1;
  }

  /** What cotangents are multiplied with if there are so many draws. */
  double scale(int count) {
    return amplitude / Math.sqrt(count);
  }
}
