package io.fisherwatch.estimate;

import java.nio.DoubleBuffer;

/**
 * Batch means of probes, where batches are a sample of the data and probes a sample within a batch:
 * the running mean with its standard error from both, and what each of them contributes. One
 * thread.
 *
 * <p>The variance V of batch means is unbiased for σ²_B + E[σ²_W/K] with σ²_B the variance between
 * batches and σ²_W/K that of a batch's mean over its K probes; batches that measured the latter
 * (two probes or more, or none that is random) give its mean W, and V − W estimates σ²_B. It may be
 * negative, and is kept so. Undefined figures are NaN.
 */
public final class NestedMoments implements Accumulator {

  private final DecayedMoments means = new DecayedMoments();
  private final DecayedMoments within = new DecayedMoments();

  /**
   * Adds a batch.
   *
   * @param mean over the batch's probes
   * @param variance of that mean over probes; NaN if it was not measured
   * @param weight positive
   */
  public void add(double mean, double variance, double weight) {
    means.add(mean, weight);
    if (Double.isFinite(variance)) {
      within.add(variance, weight);
    }
  }

  /**
   * Ages everything so far.
   *
   * @param factor 0 forgets, 1 keeps
   */
  public void age(double factor) {
    means.age(factor);
    within.age(factor);
  }

  /** Takes in other batches, aged to the same moment. */
  public void merge(NestedMoments other) {
    means.merge(other.means);
    within.merge(other.within);
  }

  /** The batch means. */
  public DecayedMoments means() {
    return means;
  }

  /** W: the mean variance of a batch's mean over its probes. */
  public double withinVariance() {
    return within.mean();
  }

  /** V − W, the variance between batches; not cut off at 0. */
  public double betweenVariance() {
    return means.variance() - within.mean();
  }

  /** W/V, the share of the squared standard error that is the probes'; at most 1. */
  public double probeShare() {
    double all = means.variance();
    return all > 0 ? Math.min(1, within.mean() / all) : Double.NaN;
  }

  /**
   * Half the width of a confidence interval for the logarithm of a positive mean: the interval is
   * mean·e^±h with h = t·SE/mean and t of one degree of freedom less than the effective number of
   * batches. On this scale the skew of squares does least harm. NaN of less than two batches.
   *
   * @param level between 0 and 1
   */
  public double logHalfWidth(double level) {
    double error = means.standardError();
    if (Double.isNaN(error) || !(means.mean() > 0)) {
      return Double.NaN;
    }
    double freedom = means.effectiveCount() - 1;
    return error == 0 ? 0 : StudentT.quantile(freedom, (1 + level) / 2) * error / means.mean();
  }

  @Override
  public int size() {
    return means.size() + within.size();
  }

  @Override
  public void save(DoubleBuffer to) {
    means.save(to);
    within.save(to);
  }

  @Override
  public void restore(DoubleBuffer from) {
    means.restore(from);
    within.restore(from);
  }
}
