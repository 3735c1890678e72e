package io.fisherwatch.likelihood;

/**
 * Σ pᵢ/(pᵢ − λ) = 0, of which the eigenvalues of diag(p) − ppᵀ are the roots that lie between two
 * different consecutive probabilities: one in each gap, where the sum increases from −∞ to ∞.
 *
 * <p>A root is found as its distance from the nearer of the two, relative to that one, so that a
 * near-tie costs no digits; and in units of the largest e^z, so that nothing under- or overflows.
 */
final class SecularEquation {

  private static final int MOST_STEPS = 200;

  private final Softmax softmax;

  SecularEquation(Softmax softmax) {
    this.softmax = softmax;
  }

  /**
   * The root between the probabilities of two coordinates, which have no other between them.
   *
   * @param upper the coordinate of the larger one
   * @param lower that of the smaller one, not 0
   */
  Root between(int upper, int lower) {
    double below = softmax.shifted[lower] - softmax.shifted[upper];
    double gap = -Math.expm1(below); // in units of eUpper
    if (at(upper, -gap / 2).value > 0) {
      // every coordinate above adds at least 1, every other one at most 1/distance: it is below C
      double farEnd = Math.min(Math.expm1(-below) / 2, 2.0 * softmax.classes);
      return new Root(lower, solve(lower, farEnd));
    }
    return new Root(upper, solve(upper, -gap / 2));
  }

  /** A root λ = p_origin·(1 + distance). */
  final class Root {

    private final int origin;
    private final double distance;

    private Root(int origin, double distance) {
      this.origin = origin;
      this.distance = distance;
    }

    /** √λ, which does not underflow where λ does. */
    double squareRoot() {
      return softmax.root(origin) * Math.sqrt(1 + distance);
    }

    /** The eigenvector pᵢ/(pᵢ − λ), of any length. */
    double[] eigenvector() {
      double[] v = new double[softmax.classes];
      for (int i = 0; i < softmax.classes; i++) {
        if (softmax.shifted[i] != Double.NEGATIVE_INFINITY) {
          v[i] = term(softmax.shifted[i] - softmax.shifted[origin], distance);
        }
      }
      return v;
    }
  }

  /** The sum and that of its derivative's terms, at λ = p_origin·(1 + distance). */
  private Point at(int origin, double distance) {
    Sum value = new Sum();
    Sum slope = new Sum();
    for (int i = 0; i < softmax.classes; i++) {
      if (softmax.shifted[i] == Double.NEGATIVE_INFINITY) {
        continue;
      }
      double relative = softmax.shifted[i] - softmax.shifted[origin];
      double term = term(relative, distance);
      value.add(term);
      slope.add(term / (Math.expm1(relative) - distance));
    }
    return new Point(value.value(), slope.value());
  }

  /**
   * e^r/(e^r − 1 − distance), from e^−r where r is positive: the largest coordinates lie so far
   * above the smallest that e^r overflows.
   */
  private static double term(double r, double distance) {
    return r > 0
        ? 1 / (-Math.expm1(-r) - distance * Math.exp(-r))
        : Math.exp(r) / (Math.expm1(r) - distance);
  }

  private record Point(double value, double slope) {}

  /**
   * The root between the origin and a far end on which the sum has the other sign, by Newton on
   * distance · sum, which is smooth at the origin, kept within a shrinking bracket.
   */
  private double solve(int origin, double farEnd) {
    double near = 0;
    double far = farEnd;
    double x = farEnd / 2;
    for (int step = 0; step < MOST_STEPS; step++) {
      Point f = at(origin, x);
      boolean beyond = farEnd > 0 ? f.value > 0 : f.value < 0;
      if (beyond) {
        far = x;
      } else {
        near = x;
      }
      double newton = x - x * f.value / (f.value + x * f.slope);
      boolean inside = farEnd > 0 ? newton > near && newton < far : newton < near && newton > far;
      double next = inside ? newton : middle(near, far);
      if (Math.abs(next - x) <= 0x1p-52 * Math.abs(next)) {
        return next;
      }
      x = next;
    }
    return x;
  }

  /** Halves a bracket, on a logarithmic scale once it has left the origin. */
  private static double middle(double near, double far) {
    if (near == 0) {
      return far / 16;
    }
    return Math.copySign(Math.sqrt(Math.abs(near)) * Math.sqrt(Math.abs(far)), far);
  }
}
