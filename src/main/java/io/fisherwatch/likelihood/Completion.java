package io.fisherwatch.likelihood;

/**
 * What is left of diag(p) − ppᵀ once its leading part is taken off, as a sum of C − 2 rank-one
 * parts that need no further eigenvector: O(C) each.
 *
 * <p>With s = √p and D = diag(s) the core is D(1 − ssᵀ)D, and its leading part D qqᵀ D with q = √λ₁
 * v₁/s, a unit vector orthogonal to s. So the parts are D b for any orthonormal b that are
 * orthogonal to both: the images of the other unit vectors under two Householder reflections, of
 * which the first turns s to the largest probability's axis and the second what is then q to the
 * axis of its largest entry. No sum in them cancels.
 */
final class Completion {

  private final int top;
  private final int second;
  private final Softmax softmax;

  /** The second reflection's vector, q reflected by the first one and moved along its axis. */
  private final double[] w;

  /** What the second reflection divides by; infinite where there is no q to turn. */
  private final double half;

  /** w · s, without the top coordinate. */
  private final double along;

  Completion(Softmax softmax, double root, double[] vector) {
    this.top = softmax.top;
    this.softmax = softmax;
    this.w = new double[softmax.classes];
    for (int i = 0; i < w.length; i++) {
      w[i] = s(i) > 0 ? root * vector[i] / s(i) : 0;
    }
    double folded = w[top] / (1 + s(top));
    double squares = 0;
    int largest = top == 0 ? 1 : 0;
    for (int i = 0; i < w.length; i++) {
      if (i != top) {
        w[i] -= s(i) * folded;
        squares += w[i] * w[i];
        largest = Math.abs(w[i]) > Math.abs(w[largest]) ? i : largest;
      }
    }
    this.second = largest;
    double norm = Math.sqrt(squares);
    double sum = 0;
    for (int i = 0; i < w.length; i++) {
      w[i] = i == top || norm == 0 ? 0 : w[i] / norm;
    }
    this.half = norm == 0 ? Double.POSITIVE_INFINITY : 1 + Math.abs(w[second]);
    w[second] += Math.signum(w[second]);
    for (int i = 0; i < w.length; i++) {
      sum += w[i] * s(i);
    }
    this.along = sum;
  }

  /**
   * The k-th part, k from 0 to C − 3, but for its entry at the largest probability, which is minus
   * the sum of the others.
   */
  void part(int k, double[] u) {
    int axis = axis(k);
    double factor = w[axis] / half;
    double folded = (s(axis) - factor * along) / (1 + s(top));
    for (int i = 0; i < u.length; i++) {
      u[i] = -s(i) * (factor * w[i] + s(i) * folded);
    }
    u[axis] += s(axis);
  }

  private double s(int i) {
    return softmax.root(i);
  }

  /** The k-th coordinate that no reflection turns to. */
  private int axis(int k) {
    int axis = k;
    axis += axis >= Math.min(top, second) ? 1 : 0;
    axis += axis >= Math.max(top, second) ? 1 : 0;
    return axis;
  }
}
