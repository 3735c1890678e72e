package io.fisherwatch.likelihood;

import java.util.Arrays;

/**
 * Closed-form brackets of the core matrix M = diag(p) − ppᵀ of one output: of its largest
 * eigenvalue λ, and of what M − λvvᵀ, the gap on the lower side, has left. Certified: they hold for
 * every p (derivations in docs/mathematics.md; the pole brackets contain the plain ones).
 *
 * @param lowerSecond λ ≥ the second largest probability b
 * @param lowerDiagonal λ ≥ a(1 − a), a the largest probability
 * @param lowerMean λ ≥ tr M/(C − 1)
 * @param lowerCentred λ ≥ a(1 − a)·C/(C − 1)
 * @param lowerMinor λ ≥ the larger eigenvalue of the principal minor of the two largest
 * @param lowerTail λ ≥ a(t + q̄), t the mass of the tail and q̄ its self-weighted mean
 * @param lowerPoles λ ≥ the three-pole bracket
 * @param upperLargest λ ≤ a
 * @param upperGershgorin λ ≤ 2at
 * @param upperTrace λ ≤ tr M
 * @param upperTail λ ≤ a(t + b)
 * @param upperPoles λ ≤ the three-pole bracket
 * @param gapTraceLower tr(M − λvvᵀ) ≥ t − Σ_tail p² − ab
 * @param gapTraceUpper tr(M − λvvᵀ) ≤ t − q̄
 * @param interlacedTraceLower tr(M − λvvᵀ) ≥ 1 − a − b
 * @param interlacedTraceUpper tr(M − λvvᵀ) ≤ 1 − a − the smallest probability
 * @param withoutTwoLargest ‖M − λvvᵀ‖_F ≥ the norm of p without its two largest entries
 * @param withoutExtremes ‖M − λvvᵀ‖_F ≤ the norm of p without its largest and its smallest entry
 * @param withoutLargest ‖M − λvvᵀ‖_F ≤ the norm of p without its largest entry
 */
public record CoreBounds(
    double lowerSecond,
    double lowerDiagonal,
    double lowerMean,
    double lowerCentred,
    double lowerMinor,
    double lowerTail,
    double lowerPoles,
    double upperLargest,
    double upperGershgorin,
    double upperTrace,
    double upperTail,
    double upperPoles,
    double gapTraceLower,
    double gapTraceUpper,
    double interlacedTraceLower,
    double interlacedTraceUpper,
    double withoutTwoLargest,
    double withoutExtremes,
    double withoutLargest) {

  /**
   * The brackets of one output.
   *
   * @throws IllegalArgumentException as {@link Likelihood#core}
   */
  public static CoreBounds of(double[] logits) {
    Softmax softmax = Softmax.of(logits);
    int classes = softmax.classes;
    double[] p = new double[classes];
    for (int i = 0; i < classes; i++) {
      p[i] = softmax.probability(i);
    }
    double a = p[softmax.top];
    double b = p[softmax.second];
    double t = softmax.tailMass();
    Tail tail = Tail.of(softmax, p);
    Tail rest = tail.without(softmax.second, p);
    double at = a * t;
    double secondRest = b * (1 - b);
    return new CoreBounds(
        b,
        at,
        softmax.trace() / (classes - 1),
        at * classes / (classes - 1),
        0.5 * (at + secondRest + Math.hypot(at - secondRest, 2 * a * b)),
        a * (t + tail.weightedMean()),
        threePoles(a, b, rest.mass, rest.weightedMean()),
        a,
        2 * at,
        softmax.trace(),
        a * (t + b),
        threePoles(a, b, rest.mass, rest.largest),
        tail.selfProduct() - a * b,
        t - tail.weightedMean(),
        rest.mass,
        t - Arrays.stream(p).min().orElse(0),
        rest.norm(),
        tail.withoutSmallest(p).norm(),
        tail.norm());
  }

  /**
   * The larger root of the equation that keeps a and b and lumps the rest, of mass r, at q: the
   * larger eigenvalue of a symmetric 2 × 2 matrix, by hypot.
   */
  private static double threePoles(double a, double b, double r, double q) {
    double alpha = 2 * a * b / (a + b);
    double beta = (r * (a * a + b * b) + q * (a + b) * (a + b)) / (a + b);
    double gamma = Math.sqrt(r) * Math.sqrt(a) * Math.sqrt(b) * (a - b) / (a + b);
    return 0.5 * (alpha + beta + Math.hypot(alpha - beta, 2 * gamma));
  }

  /** Mass, sum of squares and largest of some probabilities. */
  private static final class Tail {

    private final boolean[] left;
    private final double mass;
    private final double squares;
    private final double largest;
    private final double weightedMean;
    private final double norm;

    private Tail(boolean[] left, double[] p) {
      this.left = left;
      Sum sum = new Sum();
      Sum sumOfSquares = new Sum();
      double most = 0;
      for (int i = 0; i < p.length; i++) {
        if (left[i]) {
          sum.add(p[i]);
          sumOfSquares.add(p[i] * p[i]);
          most = Math.max(most, p[i]);
        }
      }
      this.mass = sum.value();
      this.squares = sumOfSquares.value();
      this.largest = most;
      Sum weighted = new Sum();
      for (int i = 0; i < p.length; i++) {
        if (left[i] && mass > 0) {
          weighted.add(p[i] * (p[i] / mass));
        }
      }
      this.weightedMean = weighted.value();
      Sum scaled = new Sum();
      for (int i = 0; i < p.length; i++) {
        if (left[i] && largest > 0) {
          scaled.add((p[i] / largest) * (p[i] / largest));
        }
      }
      this.norm = largest * Math.sqrt(scaled.value());
    }

    static Tail of(Softmax softmax, double[] p) {
      boolean[] left = new boolean[p.length];
      Arrays.fill(left, true);
      left[softmax.top] = false;
      return new Tail(left, p);
    }

    Tail without(int index, double[] p) {
      boolean[] fewer = left.clone();
      fewer[index] = false;
      return new Tail(fewer, p);
    }

    Tail withoutSmallest(double[] p) {
      int smallest = -1;
      for (int i = 0; i < p.length; i++) {
        if (left[i] && (smallest < 0 || p[i] < p[smallest])) {
          smallest = i;
        }
      }
      return without(smallest, p);
    }

    /** √Σp², scaled by the largest, so that the squares do not underflow. */
    double norm() {
      return norm;
    }

    /** Σp²/Σp as Σp(p/Σp), whose terms underflow last; 0 if there is nothing. */
    double weightedMean() {
      return weightedMean;
    }

    /** Σp − Σp². */
    double selfProduct() {
      return mass - squares;
    }
  }
}
