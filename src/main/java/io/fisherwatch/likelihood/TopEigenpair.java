package io.fisherwatch.likelihood;

/**
 * The largest eigenvalue λ of diag(p) − ppᵀ and its unit eigenvector v, by the secular equation.
 *
 * <p>Apart from the root 0, the secular equation of this rank-one change is Σ pᵢ/(pᵢ − λ) = 0
 * (docs/mathematics.md). In x = λ/a, with a the largest probability, it reads 1/(1 − x) = ψ(x) =
 * Σ_tail eᵢ/(x − eᵢ), and 1 − x − 1/ψ is convex and decreasing: Newton from the left of the root
 * rises to it, without a safeguard. The unknown is the distance to the nearer pole, so that ties
 * and one-hot outputs cost no digits. At most five steps have been seen, each O(C).
 *
 * <p>Ties: v = (eᵢ − eⱼ)/√2 for the two lowest tied indices. The entry of v at the largest
 * probability is its largest in magnitude, and positive.
 */
final class TopEigenpair {

  private static final double EPSILON = 0x1p-52;
  private static final int MOST_STEPS = 100;

  final double value;
  final double logValue;
  final double[] vector;

  private TopEigenpair(double value, double logValue, double[] vector) {
    this.value = value;
    this.logValue = logValue;
    this.vector = vector;
  }

  /** √λ, which does not underflow where λ does. */
  double root() {
    return Math.exp(0.5 * logValue);
  }

  static TopEigenpair of(Softmax softmax) {
    double gap = softmax.gap(softmax.second);
    if (softmax.shifted[softmax.second] == Double.NEGATIVE_INFINITY) {
      return pair(softmax, 0, Double.NEGATIVE_INFINITY);
    }
    if (gap == 0) {
      return pair(softmax, softmax.largest(), -Math.log1p(softmax.tail));
    }
    return isLow(softmax, gap) ? low(softmax, gap) : high(softmax, gap);
  }

  /** The eigenvector on the two largest coordinates: a tie, or nothing but one class. */
  private static TopEigenpair pair(Softmax softmax, double value, double logValue) {
    double[] v = new double[softmax.classes];
    v[softmax.top] = Math.sqrt(0.5);
    v[softmax.second] = -Math.sqrt(0.5);
    return new TopEigenpair(value, logValue, v);
  }

  /** Whether the root lies in the lower half of (p_second, p_top). */
  private static boolean isLow(Softmax softmax, double gap) {
    Sum psi = new Sum();
    for (int i = 0; i < softmax.classes; i++) {
      if (i != softmax.top) {
        psi.add(softmax.odds[i] / (softmax.gap(i) - gap / 2));
      }
    }
    return 2 / gap > psi.value();
  }

  /** x = e_second + Tη: distance from the second largest, in units of the tail. */
  private static TopEigenpair low(Softmax softmax, double gap) {
    double[] w = new double[softmax.classes];
    double[] r = new double[softmax.classes];
    double logTail = softmax.logTail();
    double shiftSecond = softmax.shifted[softmax.second];
    double wSecond = Math.exp(shiftSecond - logTail);
    Sum squares = new Sum();
    for (int i = 0; i < w.length; i++) {
      if (i != softmax.top) {
        w[i] = Math.exp(softmax.shifted[i] - logTail);
        r[i] = wSecond * Softmax.complement(w[i] / wSecond, shiftSecond - softmax.shifted[i]);
        squares.add(w[i] * w[i]);
      }
    }
    double tail = softmax.tail;
    double eta =
        Math.max(
            gap / (tail + 1 / wSecond),
            (1 + squares.value()) / (1 + tail) - wSecond - 8 * EPSILON * (1 + wSecond));
    for (int step = 0; step < MOST_STEPS; step++) {
      Sum psi = new Sum();
      Sum psi2 = new Sum();
      for (int i = 0; i < w.length; i++) {
        if (i != softmax.top) {
          double ratio = w[i] / (eta + r[i]);
          psi.add(ratio);
          psi2.add(ratio / (eta + r[i]));
        }
      }
      double one = psi.value();
      double change = (gap - tail * eta - 1 / one) / (tail + psi2.value() / (one * one));
      eta += change;
      if (!(change > 4 * EPSILON * eta)) {
        break;
      }
    }
    double[] v = new double[w.length];
    double distance = gap - tail * eta;
    for (int i = 0; i < v.length; i++) {
      v[i] = i == softmax.top ? 1 : -w[i] * distance / (eta + r[i]);
    }
    double value = softmax.largest() * (softmax.odds[softmax.second] + tail * eta);
    double logValue = Math.log(wSecond + eta) + logTail - Math.log1p(tail);
    return new TopEigenpair(value, logValue, normalised(v));
  }

  /** x = 1 − δ: distance from the largest. */
  private static TopEigenpair high(Softmax softmax, double gap) {
    double[] d = new double[softmax.classes];
    Sum squares = new Sum();
    for (int i = 0; i < d.length; i++) {
      if (i != softmax.top) {
        d[i] = softmax.gap(i);
        squares.add(softmax.odds[i] * softmax.odds[i]);
      }
    }
    double tail = softmax.tail;
    double delta =
        Math.min(
            Math.min(gap / 2, gap / (1 + softmax.odds[softmax.second])),
            (1 - squares.value() / tail) / (1 + tail) + 8 * EPSILON);
    for (int step = 0; step < MOST_STEPS; step++) {
      Sum psi = new Sum();
      Sum psi2 = new Sum();
      for (int i = 0; i < d.length; i++) {
        if (i != softmax.top) {
          double ratio = softmax.odds[i] / (d[i] - delta);
          psi.add(ratio);
          psi2.add(ratio / (d[i] - delta));
        }
      }
      double one = psi.value();
      double change = (delta - 1 / one) / (1 + psi2.value() / (one * one));
      delta -= change;
      if (!(change > 4 * EPSILON * delta)) {
        break;
      }
    }
    double[] v = new double[d.length];
    for (int i = 0; i < v.length; i++) {
      v[i] = i == softmax.top ? 1 : -softmax.odds[i] * delta / (d[i] - delta);
    }
    double logValue = Math.log1p(-delta) - Math.log1p(tail);
    return new TopEigenpair(softmax.largest() * (1 - delta), logValue, normalised(v));
  }

  private static double[] normalised(double[] v) {
    Sum squares = new Sum();
    for (double entry : v) {
      squares.add(entry * entry);
    }
    double norm = Math.sqrt(squares.value());
    for (int i = 0; i < v.length; i++) {
      v[i] = v[i] == 0 ? 0 : v[i] / norm; // no negative zeros
    }
    return v;
  }
}
