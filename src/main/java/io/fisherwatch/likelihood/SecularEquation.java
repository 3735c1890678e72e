package io.fisherwatch.likelihood;

import org.jspecify.annotations.Nullable;

/**
 * Σ pᵢ/(pᵢ − λ) = 0, of which the eigenvalues of diag(p) − ppᵀ are the roots that lie between two
 * different consecutive probabilities: one in each gap, where the sum increases from −∞ to ∞.
 *
 * <p>A root is found as its distance from the nearer of the two, relative to that one, so that a
 * near-tie costs no digits; and by ratios of probabilities, of which none overflows.
 */
final class SecularEquation {

  private static final int MOST_STEPS = 200;

  /**
   * A relative step that is the last: no pole but the origin is nearer to the root than that, so
   * that a step leaves about its square.
   */
  private static final double LAST_STEP = 0x1p-30;

  private final Softmax softmax;
  private @Nullable Origin last;

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
    Origin above = origin(upper);
    double down = above.distance(lower); // in units of eUpper
    if (above.at(down / 2).value > 0) {
      Origin below = origin(lower);
      double up = below.distance(upper);
      // every coordinate above adds at least 1, every other one at most 1/distance: it is below C
      return new Root(below, solve(below, Math.min(up / 2, 2.0 * softmax.classes), up));
    }
    return new Root(above, solve(above, down / 2, down));
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

  /** The coordinates seen from one of them; the last one asked for is kept. */
  private Origin origin(int coordinate) {
    Origin kept = last;
    if (kept == null || kept.coordinate != coordinate) {
      kept = new Origin(coordinate);
      last = kept;
    }
    return kept;
  }

  /**
   * The coordinates seen from one of them, by r = ln(pᵢ/p_origin): what their terms e^r/(e^r − 1 −
   * distance) are made of, made once. Where r is positive, numerator and denominator are multiplied
   * by e^−r: the largest coordinates lie so far above the smallest that e^r overflows.
   */
  private final class Origin {

    private final int coordinate;

    /** (e^r − 1)·scale, with the scale 1 or e^−r. */
    private final double[] pole;

    private final double[] scale;

    /** e^r·scale. */
    private final double[] numerator;

    /** The numerator times the scale, e^−|r|, where r is positive; where it is negative; else 0. */
    private final double[] above;

    private final double[] below;

    /** How many lie here. */
    private int here;

    Origin(int coordinate) {
      int classes = softmax.classes;
      this.coordinate = coordinate;
      this.pole = new double[classes];
      this.scale = new double[classes];
      this.numerator = new double[classes];
      this.above = new double[classes];
      this.below = new double[classes];
      for (int i = 0; i < classes; i++) {
        double r = softmax.shifted[i] - softmax.shifted[coordinate];
        double less = Math.exp(-Math.abs(r));
        double gap = Softmax.complement(less, Math.abs(r));
        scale[i] = 1;
        numerator[i] = 1;
        if (r > 0) {
          pole[i] = gap;
          scale[i] = less;
          above[i] = less;
        } else if (r < 0) {
          pole[i] = -gap;
          numerator[i] = less;
          below[i] = less;
        } else {
          here++;
        }
      }
    }

    /** The distance to another coordinate; infinite if it lies too far above. */
    double distance(int i) {
      return pole[i] / scale[i];
    }

    /** The sum and its derivative, at λ = p_origin·(1 + distance). */
    Point at(double distance) {
      Sum value = new Sum();
      double up = 0;
      double down = 0;
      for (int i = 0; i < pole.length; i++) {
        double inverse = 1 / (pole[i] - distance * scale[i]);
        value.add(numerator[i] * inverse);
        up += above[i] * inverse * inverse;
        down += below[i] * inverse * inverse;
      }
      double slope = up + down + here / (distance * distance);
      return new Point(value.value(), slope, distance > 0 ? up : down);
    }

    /** e^r/(e^r − 1 − distance). */
    double term(int i, double distance) {
      return numerator[i] / (pole[i] - distance * scale[i]);
    }
  }

  /**
   * The sum somewhere.
   *
   * @param slope its derivative
   * @param onward what the poles beyond lend to that
   */
  private record Point(double value, double slope, double onward) {}

  /**
   * The root between the origin and half the way to the next pole, on which the sum has the other
   * sign, kept within a shrinking bracket. A step goes to the root of c + s/(0 − x) + t/(next − x)
   * with that value and slope, the slopes of what lies on either side being those of its own two
   * poles (the "middle way" of Li, LAPACK Working Note 89, 1993).
   */
  private static double solve(Origin origin, double farEnd, double next) {
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
      double to = x + step(f, x, next);
      boolean inside = farEnd > 0 ? to > near && to < far : to < near && to > far;
      if (Math.abs(to - x) <= LAST_STEP * Math.abs(to)) {
        return to;
      }
      boolean past = farEnd > 0 ? to >= far : to <= far;
      x = inside ? to : past && x != far ? far : middle(near, far);
    }
    return x;
  }

  private static double step(Point f, double x, double next) {
    double side = Math.signum(next);
    double a = f.value - x * f.value / (next - x) + x * f.slope;
    double b = -x * f.value;
    double c = (f.value + x * (f.slope - f.onward)) / (next - x) - f.onward;
    double root = side * Math.sqrt(Math.max(0, a * a - 4 * b * c));
    return side * a > 0 ? 2 * b / (a + root) : (a - root) / (2 * c);
  }

  /** Halves a bracket, on a logarithmic scale once it has left the origin. */
  private static double middle(double near, double far) {
    if (near == 0) {
      return far / 16;
    }
    return Math.copySign(Math.sqrt(Math.abs(near)) * Math.sqrt(Math.abs(far)), far);
  }
}
