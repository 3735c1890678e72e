package io.fisherwatch.estimate;

import java.nio.DoubleBuffer;

/**
 * Spectra of batches, from the inner products of their probes' gradients, averaged with decay. One
 * thread.
 *
 * <p>Each batch gives unbiased tr(F)², tr(F²) of its own F; the effective rank is the ratio of
 * their means, so that the noise of few probes averages out before the division. Errors are by the
 * delta method from the scatter between three batches or more, else the jackknife's of the last
 * batch. Undefined figures are NaN.
 */
public final class SpectrumMoments implements Accumulator {

  private final DecayedMoments squaredTrace = new DecayedMoments();
  private final DecayedMoments traceOfSquare = new DecayedMoments();
  private final DecayedMoments sum = new DecayedMoments();
  private final DecayedMoments topEigenvalue = new DecayedMoments();
  private double lastRankError = Double.NaN;
  private double lastTopError = Double.NaN;
  private double lastSquareError = Double.NaN;

  /** Adds a batch; one whose gradients are all zero says nothing of a spectrum and is left out. */
  public void add(GramStatistics batch) {
    addAged(1, batch);
  }

  /**
   * Adds a batch as if that had been done before an ageing.
   *
   * @param age the factor of that ageing, above 0
   */
  public void addAged(double age, GramStatistics batch) {
    double square = batch.traceOfSquare();
    if (!(square > 0) || !Double.isFinite(batch.squaredTrace())) {
      return;
    }
    squaredTrace.add(batch.squaredTrace(), age);
    traceOfSquare.add(square, age);
    sum.add(batch.squaredTrace() + square, age);
    lastRankError = batch.effectiveRankError();
    lastSquareError = batch.traceOfSquareError();
    if (Double.isFinite(batch.topEigenvalue())) {
      topEigenvalue.add(batch.topEigenvalue(), age);
      lastTopError = batch.topEigenvalueError();
    }
  }

  /**
   * Takes in other batches, aged to the same moment. They count as the later ones: the jackknife's
   * errors, which are shown while there are fewer than three batches, are theirs if they have any.
   */
  public void merge(SpectrumMoments other) {
    squaredTrace.merge(other.squaredTrace);
    traceOfSquare.merge(other.traceOfSquare);
    sum.merge(other.sum);
    topEigenvalue.merge(other.topEigenvalue);
    if (other.traceOfSquare.weight() > 0) {
      lastRankError = other.lastRankError;
      lastSquareError = other.lastSquareError;
    }
    if (other.topEigenvalue.weight() > 0) {
      lastTopError = other.lastTopError;
    }
  }

  /**
   * Ages everything so far.
   *
   * @param factor 0 forgets, 1 keeps
   */
  public void age(double factor) {
    squaredTrace.age(factor);
    traceOfSquare.age(factor);
    sum.age(factor);
    topEigenvalue.age(factor);
  }

  /** tr(F)²/tr(F²). */
  public double effectiveRank() {
    return squaredTrace.mean() / traceOfSquare.mean();
  }

  /** The standard error of {@link #effectiveRank()}. */
  public double effectiveRankError() {
    if (traceOfSquare.effectiveCount() < 3) {
      return lastRankError;
    }
    double rank = effectiveRank();
    double a = squaredTrace.variance();
    double b = traceOfSquare.variance();
    double covariance = (sum.variance() - a - b) / 2;
    double variance = a - 2 * rank * covariance + rank * rank * b;
    return Math.sqrt(Math.max(0, variance) / traceOfSquare.effectiveCount()) / traceOfSquare.mean();
  }

  /** tr(F²). */
  public double traceOfSquare() {
    return traceOfSquare.mean();
  }

  /** The standard error of {@link #traceOfSquare()}. */
  public double traceOfSquareError() {
    return traceOfSquare.effectiveCount() < 3 ? lastSquareError : traceOfSquare.standardError();
  }

  /** The largest eigenvalue. */
  public double topEigenvalue() {
    return topEigenvalue.mean();
  }

  /** The standard error of {@link #topEigenvalue()}. */
  public double topEigenvalueError() {
    return topEigenvalue.effectiveCount() < 3 ? lastTopError : topEigenvalue.standardError();
  }

  @Override
  public int size() {
    return squaredTrace.size() + traceOfSquare.size() + sum.size() + topEigenvalue.size() + 3;
  }

  @Override
  public void save(DoubleBuffer to) {
    squaredTrace.save(to);
    traceOfSquare.save(to);
    sum.save(to);
    topEigenvalue.save(to);
    to.put(lastRankError).put(lastTopError).put(lastSquareError);
  }

  @Override
  public void restore(DoubleBuffer from) {
    squaredTrace.restore(from);
    traceOfSquare.restore(from);
    sum.restore(from);
    topEigenvalue.restore(from);
    lastRankError = from.get();
    lastTopError = from.get();
    lastSquareError = from.get();
  }
}
