package io.fisherwatch.estimate;

import java.util.Arrays;

/**
 * What inner products G of gradients of independent probes say of the spectrum of the matrix F that
 * is their covariance. Unbiased U-statistics over pairs and, with their errors, functions of them;
 * errors are by the jackknife over probes. Pairs that were not compared are NaN and left out;
 * undefined figures are NaN. Immutable.
 *
 * <ul>
 *   <li>tr F: the mean of Gₐₐ; tr(F)²: the mean of GₐₐG_bb, tr(F²): that of G²ₐ_b over a ≠ b.
 *   <li>Effective rank: tr(F)²/tr(F²), biased up by about tr(F²)'s squared coefficient of
 *       variation.
 *   <li>Largest eigenvalue: that of G/K less its first-order bias, l₁(1 − (1/K)Σ lⱼ/(l₁ − lⱼ)) over
 *       j &gt; 1 (Lawley 1956), kept within the bounds that follow, since the correction fails
 *       where eigenvalues meet; it needs {@value #LEAST_FOR_EIGENVALUES} probes, all compared.
 *   <li>Bounds on it from the moments, estimates as these are: tr(F²)/tr(F) and √tr(F²).
 * </ul>
 */
public final class GramStatistics {

  /** Fewer probes say nothing of single eigenvalues. */
  public static final int LEAST_FOR_EIGENVALUES = 8;

  private final double[][] gram;
  private final boolean complete;

  private GramStatistics(double[][] gram) {
    this.gram = gram;
    this.complete = Arrays.stream(gram).flatMapToDouble(Arrays::stream).allMatch(Double::isFinite);
  }

  /**
   * Wraps a symmetric matrix of inner products.
   *
   * @throws IllegalArgumentException if there are fewer than two probes, or the matrix is not
   *     square
   */
  public static GramStatistics of(double[][] gram) {
    double[][] copy = new double[gram.length][];
    for (int row = 0; row < gram.length; row++) {
      copy[row] = gram[row].clone();
      if (copy[row].length != gram.length) {
        throw new IllegalArgumentException("row " + row + " has " + copy[row].length + " products");
      }
    }
    if (gram.length < 2) {
      throw new IllegalArgumentException(gram.length + " probes; an inner product needs two");
    }
    return new GramStatistics(copy);
  }

  /** Probes. */
  public int probes() {
    return gram.length;
  }

  /** tr F. */
  public double trace() {
    return trace(-1);
  }

  /** tr(F)², without the bias of a square; over the pairs that were compared. */
  public double squaredTrace() {
    return pairs(-1, (a, b) -> gram[a][a] * gram[b][b]);
  }

  /** tr(F²). */
  public double traceOfSquare() {
    return pairs(-1, (a, b) -> gram[a][b] * gram[a][b]);
  }

  /** The jackknife error of {@link #traceOfSquare()}; NaN below three probes. */
  public double traceOfSquareError() {
    return jackknife(left -> pairs(left, (a, b) -> gram[a][b] * gram[a][b]));
  }

  /** tr(F)²/tr(F²); NaN of no F. */
  public double effectiveRank() {
    return effectiveRank(-1);
  }

  /** The jackknife error of {@link #effectiveRank()}; NaN below three probes. */
  public double effectiveRankError() {
    return jackknife(this::effectiveRank);
  }

  /** The largest eigenvalue of F; NaN with too few probes, or of no F. */
  public double topEigenvalue() {
    return topEigenvalue(-1);
  }

  /** The jackknife error of {@link #topEigenvalue()}. */
  public double topEigenvalueError() {
    return jackknife(this::topEigenvalue);
  }

  /** tr(F²)/tr(F), the bound on the largest eigenvalue from below. */
  public double topEigenvalueLower() {
    return traceOfSquare() / trace();
  }

  /** √tr(F²), the bound on the largest eigenvalue from above. */
  public double topEigenvalueUpper() {
    return Math.sqrt(traceOfSquare());
  }

  private double effectiveRank(int left) {
    double square = pairs(left, (a, b) -> gram[a][b] * gram[a][b]);
    return square > 0 ? pairs(left, (a, b) -> gram[a][a] * gram[b][b]) / square : Double.NaN;
  }

  private double topEigenvalue(int left) {
    int probes = gram.length - (left < 0 ? 0 : 1);
    if (!complete || gram.length < LEAST_FOR_EIGENVALUES) {
      return Double.NaN;
    }
    double[][] scaled = new double[probes][probes];
    for (int a = 0; a < probes; a++) {
      for (int b = 0; b < probes; b++) {
        scaled[a][b] = gram[skip(a, left)][skip(b, left)] / probes;
      }
    }
    LargestEigenvalue top = LargestEigenvalue.of(scaled);
    double square = pairs(left, (a, b) -> gram[a][b] * gram[a][b]);
    double corrected =
        Double.isFinite(top.crowding()) ? top.value() * (1 - top.crowding() / probes) : 0;
    return Math.max(square / trace(left), Math.min(corrected, Math.sqrt(square)));
  }

  private static int skip(int index, int left) {
    return left >= 0 && index >= left ? index + 1 : index;
  }

  private double trace(int left) {
    double sum = 0;
    for (int a = 0; a < gram.length; a++) {
      sum += a == left ? 0 : gram[a][a];
    }
    return sum / (gram.length - (left < 0 ? 0 : 1));
  }

  /** A statistic of a pair of probes. */
  @FunctionalInterface
  private interface OfPair {
    double at(int a, int b);
  }

  /** The mean over the pairs that were compared, those of one probe left out. */
  private double pairs(int left, OfPair statistic) {
    double sum = 0;
    int count = 0;
    for (int a = 0; a < gram.length; a++) {
      for (int b = 0; b < a; b++) {
        if (a != left && b != left && !Double.isNaN(gram[a][b])) {
          sum += statistic.at(a, b);
          count++;
        }
      }
    }
    return count == 0 ? Double.NaN : sum / count;
  }

  /** A statistic without one of the probes. */
  @FunctionalInterface
  private interface WithoutOne {
    double at(int left);
  }

  private double jackknife(WithoutOne statistic) {
    int probes = gram.length;
    if (probes < 3) {
      return Double.NaN;
    }
    double[] values = new double[probes];
    Arrays.setAll(values, statistic::at);
    double mean = Arrays.stream(values).sum() / probes;
    double squares = Arrays.stream(values).map(value -> (value - mean) * (value - mean)).sum();
    return Math.sqrt(squares * (probes - 1) / probes);
  }
}
