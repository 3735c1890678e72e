package io.fisherwatch.estimate;

/** Quantiles of the chi-square distribution, to about 12 digits. */
final class ChiSquare {

  private static final double[] LANCZOS = {
    0.9999999999998099, 676.5203681218851, -1259.1392167224028, 771.3234287776531,
    -176.6150291621406, 12.507343278686905, -0.13857109526572012, 9.984369578019572e-6,
    1.5056327351493116e-7
  };

  private ChiSquare() {}

  /**
   * The value below which a chi-square variable of k degrees of freedom stays with probability q.
   *
   * @param k positive
   * @param q strictly between 0 and 1
   */
  static double quantile(double k, double q) {
    double shape = k / 2;
    double low = 0;
    double high = shape + 10 * Math.sqrt(shape) + 10;
    while (lowerGamma(shape, high) < q) {
      high *= 2;
    }
    double x = shape;
    for (int step = 0; step < 200; step++) {
      double error = lowerGamma(shape, x) - q;
      if (error > 0) {
        high = x;
      } else {
        low = x;
      }
      double density = Math.exp((shape - 1) * Math.log(x) - x - logGamma(shape));
      double next = x - error / density;
      if (!(next > low && next < high)) {
        next = low == 0 ? high / 4 : (low + high) / 2;
      }
      if (Math.abs(next - x) <= 1e-15 * next) {
        return 2 * next;
      }
      x = next;
    }
    return 2 * x;
  }

  /**
   * The regularised lower incomplete gamma function P(a, x): series below a + 1, fraction above.
   */
  static double lowerGamma(double a, double x) {
    if (x <= 0) {
      return 0;
    }
    double front = Math.exp(a * Math.log(x) - x - logGamma(a));
    if (x < a + 1) {
      double term = 1 / a;
      double sum = term;
      for (int n = 1; n < 10_000 && term > 1e-17 * sum; n++) {
        term *= x / (a + n);
        sum += term;
      }
      return sum * front;
    }
    // Lentz's method for the continued fraction of the upper function.
    double b = x + 1 - a;
    double c = 1e300;
    double d = 1 / b;
    double fraction = d;
    for (int n = 1; n < 10_000; n++) {
      double an = -n * (n - a);
      b += 2;
      d = 1 / (an * d + b);
      c = b + an / c;
      double factor = c * d;
      fraction *= factor;
      if (Math.abs(factor - 1) < 1e-16) {
        break;
      }
    }
    return 1 - front * fraction;
  }

  /** The logarithm of the gamma function for positive arguments, after Lanczos (1964). */
  static double logGamma(double x) {
    if (x < 0.5) {
      return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
    }
    double shifted = x - 1;
    double sum = LANCZOS[0];
    for (int i = 1; i < LANCZOS.length; i++) {
      sum += LANCZOS[i] / (shifted + i);
    }
    double t = shifted + LANCZOS.length - 1.5;
    return 0.5 * Math.log(2 * Math.PI) + (shifted + 0.5) * Math.log(t) - t + Math.log(sum);
  }
}
