package io.fisherwatch.monitor;

import java.util.ArrayList;
import java.util.List;

/**
 * The squared norms of one term over a batch, by layer: their sum over micro-batches, each the mean
 * over its probes, and the variance of that sum.
 *
 * <p>A micro-batch with a single probe says nothing of its variance: it is taken to be the mean of
 * those that had more, which is unbiased where these were chosen at random.
 */
final class TermTally {

  private final int slots;
  private final List<double[]> probeSums = new ArrayList<>();
  private final double[] fixed;
  private final double[] sums;
  private final double[] variances;
  private final double[] singleVariances;

  /**
   * √(Σ v²/(ν + 2)) over the variances v of ν degrees of freedom that make up the whole one; as a
   * root, since v² of a small gradient underflows.
   */
  private final double[] spreads;

  private int measured;
  private int unmeasured;

  TermTally(int slots) {
    this.slots = slots;
    this.fixed = new double[slots];
    this.sums = new double[slots];
    this.variances = new double[slots];
    this.singleVariances = new double[slots];
    this.spreads = new double[slots];
  }

  void addFixed(double[] byLayer) {
    add(fixed, byLayer);
  }

  /**
   * Adds a micro-batch.
   *
   * @param probes squares by probe and layer
   */
  void addMicroBatch(double[][] probes) {
    if (probes.length > 1) {
      measured++;
    } else {
      unmeasured++;
    }
    for (int slot = 0; slot < slots; slot++) {
      addSlot(probes, slot);
    }
    for (int probe = 0; probe < probes.length; probe++) {
      if (probeSums.size() == probe) {
        probeSums.add(new double[slots]);
      }
      add(probeSums.get(probe), probes[probe]);
    }
  }

  /** Takes in other micro-batches. */
  void merge(TermTally other) {
    add(fixed, other.fixed);
    add(sums, other.sums);
    add(variances, other.variances);
    add(singleVariances, other.singleVariances);
    for (int slot = 0; slot < slots; slot++) {
      spreads[slot] = Math.hypot(spreads[slot], other.spreads[slot]);
    }
    for (int probe = 0; probe < other.probeSums.size(); probe++) {
      if (probeSums.size() == probe) {
        probeSums.add(new double[slots]);
      }
      add(probeSums.get(probe), other.probeSums.get(probe));
    }
    measured += other.measured;
    unmeasured += other.unmeasured;
  }

  /** Deviations are taken from the first probe, so that equal values have no variance at all. */
  private void addSlot(double[][] probes, int slot) {
    int count = probes.length;
    double first = probes[0][slot];
    double sum = 0;
    double deviations = 0;
    double squares = 0;
    for (double[] probe : probes) {
      double deviation = probe[slot] - first;
      sum += probe[slot];
      deviations += deviation;
      squares += deviation * deviation;
    }
    sums[slot] += sum / count;
    if (count > 1) {
      double variance = Math.max(0, (squares - deviations * deviations / count) / (count - 1));
      variances[slot] += variance / count;
      singleVariances[slot] += variance;
      spreads[slot] = Math.hypot(spreads[slot], variance / count / Math.sqrt(count + 1));
    }
  }

  void addRound(TermTally more, double share) {
    if (more.measured + more.unmeasured == 0) {
      return; // nothing random in it
    }
    for (int slot = 0; slot < slots; slot++) {
      double before = variance(slot);
      double after = more.variance(slot);
      double old = (1 - share) * (1 - share);
      double fresh = share * share;
      sums[slot] += share * (more.sums[slot] - sums[slot]);
      spreads[slot] = Math.hypot(old * spread(slot, before), fresh * more.spread(slot, after));
      variances[slot] = old * before + fresh * after;
      singleVariances[slot] += more.singleVariances[slot];
    }
    measured += more.measured + unmeasured;
    unmeasured = 0;
  }

  double sum(int slot) {
    return fixed[slot] + sums[slot];
  }

  /** NaN if no micro-batch had a second probe. */
  double variance(int slot) {
    if (unmeasured == 0) {
      return variances[slot];
    }
    return measured == 0
        ? Double.NaN
        : variances[slot] + unmeasured * (singleVariances[slot] / measured);
  }

  /**
   * The variance's error over √2: what Welch and Satterthwaite's degrees of freedom are made of,
   * with the bias of a squared variance removed.
   */
  double spread(int slot) {
    return spread(slot, variance(slot));
  }

  private double spread(int slot, double variance) {
    double ofMeasured = variances[slot];
    return ofMeasured > 0 ? spreads[slot] * (variance / ofMeasured) : 0;
  }

  double[] probeSums(int slot) {
    return probeSums.stream().mapToDouble(sum -> sum[slot]).toArray();
  }

  private static void add(double[] to, double[] values) {
    for (int i = 0; i < to.length; i++) {
      to[i] += values[i];
    }
  }
}
