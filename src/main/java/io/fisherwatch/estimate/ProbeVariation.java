package io.fisherwatch.estimate;

import java.nio.DoubleBuffer;

/**
 * The coefficient of variation of a single probe given its batch, from batches of two probes or
 * more: √(Σsₜ² / Σ(Ȳₜ² − sₜ²/Kₜ)), with sₜ² the sample variance within batch t and Ȳₜ its mean.
 * Both sums are unbiased, so that differences between batches do not enter; theory bounds the ratio
 * by √2 for Rademacher and Gaussian probes of a positive semidefinite form. One thread.
 *
 * <p>Its sampling error is by the delta method: from the scatter of sₜ² − c²·(Ȳₜ² − sₜ²/Kₜ) between
 * batches if there are three of them, else from the χ² error of a variance with ν degrees of
 * freedom, c/√(2ν). Undefined figures are NaN.
 */
public final class ProbeVariation implements Accumulator {

  private double batches;
  private double weightSquares;
  private double freedom;
  private double variances;
  private double means;
  private double variancesSquared;
  private double meansSquared;
  private double products;

  /**
   * Adds the values of one batch's independent probes.
   *
   * @throws IllegalArgumentException if there are fewer than two, or one is not finite
   */
  public void addBatch(double... probes) {
    addAged(1, probes);
  }

  /**
   * Adds the values of a batch as if that had been done before an ageing.
   *
   * @param age the factor of that ageing
   * @throws IllegalArgumentException if there are fewer than two probes, or one is not finite
   */
  public void addAged(double age, double... probes) {
    if (probes.length < 2) {
      throw new IllegalArgumentException(probes.length + " probes; a variance needs two");
    }
    int count = 0;
    double mean = 0;
    double scatter = 0;
    for (double probe : probes) {
      if (!Double.isFinite(probe)) {
        throw new IllegalArgumentException("a probe is " + probe);
      }
      double deviation = probe - mean;
      mean += deviation / ++count;
      scatter += deviation * (probe - mean);
    }
    double variance = scatter / (count - 1);
    double squaredMean = mean * mean - variance / count;
    batches += age;
    weightSquares += age * age;
    freedom += age * (count - 1);
    variances += age * variance;
    means += age * squaredMean;
    variancesSquared += age * (variance * variance);
    meansSquared += age * (squaredMean * squaredMean);
    products += age * (variance * squaredMean);
  }

  /** Takes in other batches, aged to the same moment: everything here is a sum. */
  public void merge(ProbeVariation other) {
    batches += other.batches;
    weightSquares += other.weightSquares;
    freedom += other.freedom;
    variances += other.variances;
    means += other.means;
    variancesSquared += other.variancesSquared;
    meansSquared += other.meansSquared;
    products += other.products;
  }

  /**
   * Ages everything so far.
   *
   * @param factor 0 forgets, 1 keeps
   */
  public void age(double factor) {
    batches *= factor;
    weightSquares *= factor * factor;
    freedom *= factor;
    variances *= factor;
    means *= factor;
    variancesSquared *= factor;
    meansSquared *= factor;
    products *= factor;
  }

  /**
   * The coefficient of variation; NaN if there are no probes or their mean is not above the noise.
   */
  public double cv() {
    return means > 0 ? Math.sqrt(variances / means) : Double.NaN;
  }

  /** The sampling error of {@link #cv()}; NaN where that is. */
  public double standardError() {
    double cv = cv();
    double effective = batches * batches / weightSquares;
    if (Double.isNaN(cv) || cv == 0) {
      return cv;
    }
    if (effective < 3) {
      return cv / Math.sqrt(2 * freedom);
    }
    double square = cv * cv;
    double residuals = variancesSquared - 2 * square * products + square * square * meansSquared;
    double variance = Math.max(0, residuals) / batches * (effective / (effective - 1)) / effective;
    double meanOfMeans = means / batches;
    return Math.sqrt(variance) / (2 * cv * meanOfMeans);
  }

  @Override
  public int size() {
    return 8;
  }

  @Override
  public void save(DoubleBuffer to) {
    to.put(batches)
        .put(weightSquares)
        .put(freedom)
        .put(variances)
        .put(means)
        .put(variancesSquared)
        .put(meansSquared)
        .put(products);
  }

  @Override
  public void restore(DoubleBuffer from) {
    batches = from.get();
    weightSquares = from.get();
    freedom = from.get();
    variances = from.get();
    means = from.get();
    variancesSquared = from.get();
    meansSquared = from.get();
    products = from.get();
  }
}
