package io.fisherwatch.estimate;

/** Quantiles of Student's t distribution, to about 12 digits. */
public final class StudentT {

  private static final double TINY = 1e-300;
  private static final int MOST_TERMS = 10_000;

  private StudentT() {}

  /**
   * The value that a variable of ν degrees of freedom stays below with probability q.
   *
   * @param freedom ν, positive, not necessarily whole; infinite for the normal distribution
   * @param q strictly between 0 and 1
   */
  public static double quantile(double freedom, double q) {
    if (!(freedom > 0) || !(q > 0 && q < 1)) {
      throw new IllegalArgumentException("freedom " + freedom + ", probability " + q);
    }
    if (q < 0.5) {
      return -quantile(freedom, 1 - q);
    }
    double nu = Math.min(freedom, 1e8);
    double tail = 2 * (1 - q);
    double low = 0;
    double high = 1;
    while (twoSidedTail(nu, high) > tail) {
      low = high;
      high *= 2;
    }
    double t = (low + high) / 2;
    for (int step = 0; step < 200 && high - low > 1e-14 * high; step++) {
      double excess = twoSidedTail(nu, t) - tail;
      if (excess > 0) {
        low = t;
      } else {
        high = t;
      }
      double newton = t + excess / (2 * density(nu, t));
      if (Math.abs(newton - t) <= 1e-15 * t) {
        return newton;
      }
      t = newton > low && newton < high ? newton : (low + high) / 2;
    }
    return t;
  }

  /** The density of T at t. */
  private static double density(double nu, double t) {
    double a = nu / 2;
    return Math.exp(
        ChiSquare.logGamma(a + 0.5)
            - ChiSquare.logGamma(a)
            - (a + 0.5) * Math.log1p(t * t / nu)
            - Math.log(nu * Math.PI) / 2);
  }

  /** Pr(|T| &gt; t), the regularised incomplete beta function at ν/(ν + t²). */
  private static double twoSidedTail(double nu, double t) {
    double x = nu / (nu + t * t);
    double complement = t * t / (nu + t * t);
    double a = nu / 2;
    double logFront =
        a * Math.log(x)
            + Math.log(complement) / 2
            + ChiSquare.logGamma(a + 0.5)
            - ChiSquare.logGamma(a)
            - ChiSquare.logGamma(0.5);
    double front = Math.exp(logFront);
    return x < (a + 1) / (a + 2.5)
        ? front * fraction(a, 0.5, x) / a
        : 1 - front * fraction(0.5, a, complement) / 0.5;
  }

  /** The continued fraction of the incomplete beta function (Lentz's method). */
  private static double fraction(double a, double b, double x) {
    double c = 1;
    double d = 1 / away(1 - (a + b) * x / (a + 1));
    double result = d;
    for (int m = 1; m < MOST_TERMS; m++) {
      double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
      d = 1 / away(1 + even * d);
      c = away(1 + even / c);
      result *= d * c;
      double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
      d = 1 / away(1 + odd * d);
      c = away(1 + odd / c);
      double factor = d * c;
      result *= factor;
      if (Math.abs(factor - 1) < 1e-16) {
        break;
      }
    }
    return result;
  }

  private static double away(double value) {
    return Math.abs(value) < TINY ? TINY : value;
  }
}
