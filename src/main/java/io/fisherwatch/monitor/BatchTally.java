package io.fisherwatch.monitor;

import io.fisherwatch.likelihood.Core;
import io.fisherwatch.runtime.Gradient;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import java.util.Set;

/**
 * What one batch has given: for every matrix and layer the sum of squared norms over its
 * micro-batches, averaged over probes, and the variance that the probes lend to it.
 *
 * <p>Layer 0 is the whole model, layer l + 1 the l-th of the {@link LayerMap}. All sums run in the
 * same order for every matrix and rounding is monotone, so that lower ≤ fisher ≤ upper survives it
 * wherever the terms of one are terms of the other.
 */
final class BatchTally {

  private final LayerMap layers;
  private final Set<Quantity> estimated;
  private final int probes;

  private final Map<Quantity, Matrix> matrices = new EnumMap<>(Quantity.class);
  private final boolean[] reached;
  private final long[] nonFinite;
  private final double[] coreSums = new double[4];
  private long positions;
  private long passes;

  BatchTally(LayerMap layers, int parameters, Set<Quantity> estimated, int probes) {
    int slots = layers.layers().size() + 1;
    this.layers = layers;
    this.estimated = estimated;
    this.probes = probes;
    for (Quantity quantity : estimated) {
      matrices.put(quantity, new Matrix(probes, slots));
    }
    this.reached = new boolean[parameters];
    this.nonFinite = new long[slots];
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
   * Adds one probe's square of a term.
   *
   * @param scale what ‖g‖² has to be multiplied with
   */
  void addProbe(Term term, int probe, Gradient gradient, double scale) {
    double[] byLayer = byLayer(gradient, scale);
    for (Quantity quantity : term.addsTo()) {
      Matrix matrix = matrix(quantity);
      add(matrix.squares[probe], byLayer);
      matrix.unmeasured |= probes == 1;
    }
  }

  /** Adds a square that has no randomness: it is the same for every probe. */
  void addToAllProbes(Term term, Gradient gradient) {
    double[] byLayer = byLayer(gradient, 1);
    for (Quantity quantity : term.addsTo()) {
      for (double[] probe : matrix(quantity).squares) {
        add(probe, byLayer);
      }
    }
  }

  /** Ends a micro-batch: its squares have no cross terms with those of the next. */
  void closeMicroBatch() {
    matrices.values().forEach(Matrix::closeMicroBatch);
  }

  private Matrix matrix(Quantity quantity) {
    Matrix matrix = matrices.get(quantity);
    if (matrix == null) {
      throw new IllegalArgumentException(quantity + " is not among " + estimated);
    }
    return matrix;
  }

  /** The sums of one matrix. */
  private static final class Matrix {

    /** Squared norms of the micro-batch in hand, by probe and layer. */
    private final double[][] squares;

    private final double[] sums;
    private final double[] variances;

    /** Values of each probe over the batch; meaningful if it was squared whole. */
    private final double[][] probeSums;

    /** Whether there is randomness that a single probe leaves unmeasured. */
    private boolean unmeasured;

    Matrix(int probes, int slots) {
      this.squares = new double[probes][slots];
      this.sums = new double[slots];
      this.variances = new double[slots];
      this.probeSums = new double[probes][slots];
    }

    void closeMicroBatch() {
      for (int slot = 0; slot < sums.length; slot++) {
        closeSlot(slot);
      }
      for (int probe = 0; probe < squares.length; probe++) {
        add(probeSums[probe], squares[probe]);
        Arrays.fill(squares[probe], 0);
      }
    }

    /** Deviations are taken from the first probe, so that equal values have no variance at all. */
    private void closeSlot(int slot) {
      int probes = squares.length;
      double first = squares[0][slot];
      double sum = 0;
      double deviations = 0;
      double deviationsSquared = 0;
      for (double[] probe : squares) {
        double deviation = probe[slot] - first;
        sum += probe[slot];
        deviations += deviation;
        deviationsSquared += deviation * deviation;
      }
      sums[slot] += sum / probes;
      if (probes > 1) {
        double variance = (deviationsSquared - deviations * deviations / probes) / (probes - 1);
        variances[slot] += Math.max(0, variance) / probes;
      }
    }
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

  private static void add(double[] to, double[] values) {
    for (int i = 0; i < to.length; i++) {
      to[i] += values[i];
    }
  }

  /** The matrices whose traces came out. */
  Set<Quantity> estimated() {
    return estimated;
  }

  /** Unmasked rows. */
  long positions() {
    return positions;
  }

  /** Vector-Jacobian products made. */
  long passes() {
    return passes;
  }

  /** Independent probes. */
  int probes() {
    return probes;
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
    return matrix(quantity).sums[slot];
  }

  /** The variance of {@link #sum} over probes; NaN if there is randomness and but one probe. */
  double variance(Quantity quantity, int slot) {
    Matrix matrix = matrix(quantity);
    return matrix.unmeasured ? Double.NaN : matrix.variances[slot];
  }

  /** Each probe's value of {@link #sum}. */
  double[] probeSums(Quantity quantity, int slot) {
    double[] values = new double[probes];
    for (int probe = 0; probe < probes; probe++) {
      values[probe] = matrix(quantity).probeSums[probe][slot];
    }
    return values;
  }
}
