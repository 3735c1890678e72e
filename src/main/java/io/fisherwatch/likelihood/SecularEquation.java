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
    Origin above = new Origin(upper);
    double gap = -above.expm1[lower]; // in units of eUpper
    if (above.at(-gap / 2).value > 0) {
      Origin below = new Origin(lower);
      // every coordinate above adds at least 1, every other one at most 1/distance: it is below C
      return new Root(below, solve(below, Math.min(below.expm1[upper] / 2, 2.0 * softmax.classes)));
    }
    return new Root(above, solve(above, -gap / 2));
  }

  /** A root λ = p_origin·(1 + distance). */
  final class Root {

    private final Origin origin;
    private final double distance;

    private Root(Origin origin, double distance) {
      this.origin = origin;
      this.distance = distance;
    }

    /** √λ, which does not underflow where λ does. */
    double squareRoot() {
      return softmax.root(origin.coordinate) * Math.sqrt(1 + distance);
    }

    /** The eigenvector pᵢ/(pᵢ − λ), of any length. */
    double[] eigenvector() {
      double[] v = new double[softmax.classes];
      for (int i = 0; i < softmax.classes; i++) {
        if (softmax.shifted[i] != Double.NEGATIVE_INFINITY) {
          v[i] = origin.term(i, distance);
        }
      }
      return v;
    }
  }

  /** The coordinates seen from one of them: exponentials of r = ln(pᵢ/p_origin), made once. */
  private final class Origin {

    private final int coordinate;
    private final double[] relative;

    /** e^r − 1; it overflows to infinity where pᵢ lies far above: the slope is then 0. */
    private final double[] expm1;

    /** e^r − 1, or 1 − e^−r where r is positive. */
    private final double[] near;

    /** e^−|r|. */
    private final double[] factor;

    Origin(int coordinate) {
      this.coordinate = coordinate;
      this.relative = new double[softmax.classes];
      this.expm1 = new double[softmax.classes];
      this.near = new double[softmax.classes];
      this.factor = new double[softmax.classes];
      for (int i = 0; i < softmax.classes; i++) {
        double r = softmax.shifted[i] - softmax.shifted[coordinate];
        relative[i] = r;
        expm1[i] = Math.expm1(r);
        near[i] = r > 0 ? -Math.expm1(-r) : expm1[i];
        factor[i] = Math.exp(-Math.abs(r));
      }
    }

    /** The sum and that of its derivative's terms, at λ = p_origin·(1 + distance). */
    Point at(double distance) {
      Sum value = new Sum();
      Sum slope = new Sum();
      for (int i = 0; i < relative.length; i++) {
        if (relative[i] == Double.NEGATIVE_INFINITY) {
          continue;
        }
        double term = term(i, distance);
        value.add(term);
        slope.add(term / (expm1[i] - distance));
      }
      return new Point(value.value(), slope.value());
    }

    /**
     * e^r/(e^r − 1 − distance), from e^−r where r is positive: the largest coordinates lie so far
     * above the smallest that e^r overflows.
     */
    double term(int i, double distance) {
      return relative[i] > 0
          ? 1 / (near[i] - distance * factor[i])
          : factor[i] / (near[i] - distance);
    }
  }

  private record Point(double value, double slope) {}

  /**
   * The root between the origin and a far end on which the sum has the other sign, by Newton on
   * distance · sum, which is smooth at the origin, kept within a shrinking bracket.
   */
  private static double solve(Origin origin, double farEnd) {
    double near = 0;
    double far = farEnd;
    double x = farEnd / 2;
    for (int step = 0; step < MOST_STEPS; step++) {
      Point f = origin.at(x);
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
