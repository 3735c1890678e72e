package io.fisherwatch.estimate;

import java.nio.DoubleBuffer;

/**
 * Mean and scatter of weighted values that fade: a bias-corrected exponential moving average with
 * its effective sample size. One thread.
 *
 * <p>Ageing by a factor f multiplies the weight W and the scatter S by f, and the sum of squared
 * weights W₂ by f²; a value x of weight w then moves the mean by (x − mean)w/W (West 1979). With
 * every factor 1 this is the plain weighted mean. Undefined figures are NaN.
 *
 * <p>The standard error supposes values without drift. While the weights of a network move, the
 * mean is one of the past.
 */
public final class DecayedMoments implements Accumulator {

  private double weight;
  private double squaredWeights;
  private double mean;
  private double scatter;

  /**
   * Adds a value.
   *
   * @throws IllegalArgumentException if it is not finite or the weight not positive
   */
  public void add(double value, double weightOfValue) {
    if (!Double.isFinite(value) || !(weightOfValue > 0)) {
      throw new IllegalArgumentException("value " + value + " of weight " + weightOfValue);
    }
    weight += weightOfValue;
    squaredWeights += weightOfValue * weightOfValue;
    double deviation = value - mean;
    mean += deviation * (weightOfValue / weight);
    scatter += weightOfValue * deviation * (value - mean);
  }

  /**
   * Ages everything so far.
   *
   * @param factor 0 forgets, 1 keeps
   */
  public void age(double factor) {
    if (factor == 0) {
      mean = 0;
    }
    weight *= factor;
    squaredWeights *= factor * factor;
    scatter *= factor;
  }

  /** Takes in other values, aged to the same moment (Chan, Golub and LeVeque 1979). */
  public void merge(DecayedMoments other) {
    if (other.weight == 0) {
      return;
    }
    double both = weight + other.weight;
    double deviation = other.mean - mean;
    mean += deviation * (other.weight / both);
    scatter += other.scatter + deviation * deviation * (weight * other.weight / both);
    weight = both;
    squaredWeights += other.squaredWeights;
  }

  /** W: the weight left of everything so far; 0 for nothing. */
  public double weight() {
    return weight;
  }

  /** W₂: the sum of squared weights. */
  double squaredWeights() {
    return squaredWeights;
  }

  /** S: Σ w(x − mean)². */
  double scatter() {
    return scatter;
  }

  /** The weighted mean; NaN of nothing. */
  public double mean() {
    return weight > 0 ? mean : Double.NaN;
  }

  /** W²/W₂: how many values of equal weight these are worth; 0 for nothing. */
  public double effectiveCount() {
    return weight > 0 ? weight * weight / squaredWeights : 0;
  }

  /** The variance of one value, S/(W − W₂/W); NaN of less than two. */
  public double variance() {
    double free = weight - squaredWeights / weight;
    return free > 1e-12 * weight ? scatter / free : Double.NaN;
  }

  /** The standard error of the mean; NaN of less than two values. */
  public double standardError() {
    return Math.sqrt(variance() / effectiveCount());
  }

  @Override
  public int size() {
    return 4;
  }

  @Override
  public void save(DoubleBuffer to) {
    to.put(weight).put(squaredWeights).put(mean).put(scatter);
  }

  @Override
  public void restore(DoubleBuffer from) {
    weight = from.get();
    squaredWeights = from.get();
    mean = from.get();
    scatter = from.get();
  }
}
