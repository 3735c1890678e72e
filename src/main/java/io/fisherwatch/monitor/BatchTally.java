package io.fisherwatch.monitor;

import io.fisherwatch.likelihood.Core;
import io.fisherwatch.runtime.Gradient;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What one batch has given: for every term and layer the sum of squared norms over its
 * micro-batches, averaged over probes, and the variance that the probes lend to it; and from these
 * the figures of every matrix, whose terms are independent.
 *
 * <p>Layer 0 is the whole model, layer l + 1 the l-th of the {@link LayerMap}. The terms of a
 * matrix are summed in the same order for every matrix and rounding is monotone, so that lower ≤
 * fisher ≤ upper survives it wherever the terms of one are terms of the other.
 */
final class BatchTally {

  private final LayerMap layers;
  private final Terms terms;
  private final List<TermTally> tallies = new ArrayList<>();
  private final boolean[] reached;
  private final long[] nonFinite;
  private final double[] coreSums = new double[4];
  private final @Nullable GramTally gram;
  private long positions;
  private long passes;

  /**
   * @param compared probes of F whose gradients are compared; 0 for none
   */
  BatchTally(LayerMap layers, int parameters, Terms terms, int compared) {
    int slots = layers.layers().size() + 1;
    this.layers = layers;
    this.terms = terms;
    for (int term = 0; term < terms.terms().size(); term++) {
      tallies.add(new TermTally(slots));
    }
    this.reached = new boolean[parameters];
    this.nonFinite = new long[slots];
    this.gram = compared == 0 ? null : new GramTally(layers, compared);
  }

  /** Counts a row and its figures in the core space. */
  void addRow(Core core) {
    coreSums[0] += core.trace();
    coreSums[1] += core.topEigenvalue();
    coreSums[2] += core.maxProbability();
    coreSums[3] += core.entropy();
    positions++;
  }

  /**
   * Enters one probe's gradient of a term.
   *
   * @param scale what ‖g‖² has to be multiplied with
   * @return ‖g‖² by layer, to be handed to {@link #closeMicroBatch}
   */
  double[] enterProbe(Term term, int probe, Gradient gradient, double scale) {
    double[] squares = byLayer(gradient, scale);
    if (gram != null && term.addsTo().contains(Quantity.FISHER)) {
      gram.add(probe, squares, gradient, scale);
    }
    return squares;
  }

  /** Adds a square that has no randomness. */
  void addFixed(Term term, Gradient gradient) {
    tallies.get(term.id()).addFixed(byLayer(gradient, 1));
  }

  /**
   * Adds a term's probes of a micro-batch: its squares have no cross terms with those of the next.
   *
   * @param probes ‖g‖² by layer of each; zeros where a probe was zero
   */
  void closeMicroBatch(Term term, double[][] probes) {
    tallies.get(term.id()).addMicroBatch(probes);
  }

  /** ‖g‖² by layer of a probe that was zero. */
  double[] noSquares() {
    return new double[nonFinite.length];
  }

  /** Takes in other micro-batches of the same batch. */
  void merge(BatchTally other) {
    for (int term = 0; term < tallies.size(); term++) {
      tallies.get(term).merge(other.tallies.get(term));
    }
    for (int parameter = 0; parameter < reached.length; parameter++) {
      reached[parameter] |= other.reached[parameter];
    }
    for (int slot = 0; slot < nonFinite.length; slot++) {
      nonFinite[slot] += other.nonFinite[slot];
    }
    for (int figure = 0; figure < coreSums.length; figure++) {
      coreSums[figure] += other.coreSums[figure];
    }
    positions += other.positions;
    passes += other.passes;
  }

  /**
   * Takes in further probes of the same batch.
   *
   * @param share of the mean that comes from them
   */
  void addRound(BatchTally more, double share) {
    for (int term = 0; term < tallies.size(); term++) {
      tallies.get(term).addRound(more.tallies.get(term), share);
    }
    for (int slot = 0; slot < nonFinite.length; slot++) {
      nonFinite[slot] += more.nonFinite[slot];
    }
    passes += more.passes;
  }

  private double[] byLayer(Gradient gradient, double scale) {
    double[] byLayer = new double[nonFinite.length];
    for (int parameter = 0; parameter < reached.length; parameter++) {
      int slot = layers.layerOf(parameter) + 1;
      byLayer[slot] += gradient.squaredNorm(parameter) * scale;
      reached[parameter] |= gradient.reaches(parameter);
      nonFinite[slot] += gradient.nonFinite(parameter);
      nonFinite[0] += gradient.nonFinite(parameter);
    }
    for (int slot = 1; slot < byLayer.length; slot++) {
      byLayer[0] += byLayer[slot];
    }
    passes++;
    return byLayer;
  }

  /** The matrices whose traces came out. */
  Set<Quantity> estimated() {
    return terms.estimated();
  }

  /** Unmasked rows. */
  long positions() {
    return positions;
  }

  /** Vector-Jacobian products made. */
  long passes() {
    return passes;
  }

  /** Whether a gradient path leads to a parameter. */
  boolean reaches(int parameter) {
    return reached[parameter];
  }

  /** Non-finite gradient values of a layer; with any, its figures are not to be used. */
  long nonFinite(int slot) {
    return nonFinite[slot];
  }

  /** Σ over rows of the trace, the top eigenvalue, the largest probability and the entropy. */
  double coreSum(int figure) {
    return coreSums[figure];
  }

  /** Σ ‖g‖² over micro-batches, the mean over probes; divide by positions for a mean. */
  double sum(Quantity quantity, int slot) {
    requireEstimated(quantity);
    double sum = 0;
    for (Term term : terms.terms()) {
      if (term.addsTo().contains(quantity)) {
        sum += tallies.get(term.id()).sum(slot);
      }
    }
    return sum;
  }

  /** The variance of {@link #sum} over probes; NaN if there is randomness and no second probe. */
  double variance(Quantity quantity, int slot) {
    requireEstimated(quantity);
    double variance = 0;
    for (Term term : terms.terms()) {
      if (term.addsTo().contains(quantity)) {
        variance += tallies.get(term.id()).variance(slot);
      }
    }
    return variance;
  }

  /** Degrees of freedom of {@link #variance}, after Welch and Satterthwaite. */
  double freedom(Quantity quantity, int slot) {
    double spread = 0;
    for (Term term : terms.terms()) {
      if (term.addsTo().contains(quantity)) {
        spread = Math.hypot(spread, tallies.get(term.id()).spread(slot));
      }
    }
    double ratio = variance(quantity, slot) / spread;
    return ratio * ratio;
  }

  /** The standard error of {@link #sum} relative to it; 0 for nothing without randomness. */
  double relativeError(Quantity quantity, int slot) {
    double variance = variance(quantity, slot);
    return variance == 0 ? 0 : Math.sqrt(variance) / sum(quantity, slot);
  }

  /**
   * Each probe's value of {@link #sum}; of a matrix with a single term and a batch squared whole.
   */
  double[] probeSums(Quantity quantity, int slot) {
    requireEstimated(quantity);
    List<Term> own =
        terms.terms().stream().filter(term -> term.addsTo().contains(quantity)).toList();
    if (own.size() != 1) {
      throw new IllegalStateException(quantity + " has " + own.size() + " terms, not one");
    }
    return tallies.get(own.get(0).id()).probeSums(slot);
  }

  /**
   * Inner products of the probes' gradients over a layer, as means over positions; NaN where a pair
   * was not compared. Empty if none was.
   */
  Optional<double[][]> gram(int slot) {
    return gram == null ? Optional.empty() : Optional.of(gram.matrix(slot, (double) positions));
  }

  private void requireEstimated(Quantity quantity) {
    if (!terms.estimated().contains(quantity)) {
      throw new IllegalArgumentException(quantity + " is not among " + terms.estimated());
    }
  }
}
