package io.fisherwatch.likelihood;

import java.util.Arrays;

/**
 * The pieces of a softmax, kept apart so that none is a difference of near-equal numbers: the
 * largest probability and the tail, which is everything else. For one thread; in double.
 *
 * <p>With m the (first) largest logit: eᵢ = exp(zᵢ − z_m), T = Σ_{i≠m} eᵢ, pᵢ = eᵢ/(1 + T). T and
 * what is scaled by it stay exact when all tail probabilities underflow.
 */
final class Softmax {

  /** Powers below which a difference to 1 loses no more than its last decimal digit. */
  private static final double NEAR = 0.9;

  final int classes;

  /** zᵢ − z_m, at most 0. */
  final double[] shifted;

  /** Index of the largest logit, the lowest on ties. */
  final int top;

  /** Index of the second largest, the lowest on ties. */
  final int second;

  /** eᵢ. */
  final double[] odds;

  /** T. */
  final double tail;

  /** log(1 + T). */
  private final double logSum;

  /** √pᵢ, made when the first is asked for. */
  private double[] roots = new double[0];

  private Softmax(double[] shifted, int top, int second) {
    this.classes = shifted.length;
    this.shifted = shifted;
    this.top = top;
    this.second = second;
    this.odds = new double[classes];
    Sum sum = new Sum();
    for (int i = 0; i < classes; i++) {
      odds[i] = Math.exp(shifted[i]);
      if (i != top) {
        sum.add(odds[i]);
      }
    }
    this.tail = sum.value();
    this.logSum = Math.log1p(tail);
  }

  /**
   * The softmax of some logits.
   *
   * @throws IllegalArgumentException if one is NaN or +∞, if all are −∞, or if there are fewer than
   *     two
   */
  static Softmax of(double[] logits) {
    if (logits.length < 2) {
      throw new IllegalArgumentException(logits.length + " classes; a softmax needs two");
    }
    for (int i = 0; i < logits.length; i++) {
      if (Double.isNaN(logits[i]) || logits[i] == Double.POSITIVE_INFINITY) {
        throw new IllegalArgumentException("logit " + i + " is " + logits[i]);
      }
    }
    int top = largest(logits, -1);
    if (logits[top] == Double.NEGATIVE_INFINITY) {
      throw new IllegalArgumentException("every logit is -Infinity");
    }
    double[] shifted = Arrays.stream(logits).map(z -> z - logits[top]).toArray();
    return new Softmax(shifted, top, largest(logits, top));
  }

  private static int largest(double[] values, int except) {
    int largest = -1;
    for (int i = 0; i < values.length; i++) {
      if (i != except && (largest < 0 || values[i] > values[largest])) {
        largest = i;
      }
    }
    return largest;
  }

  /** log T, which is finite unless one class has everything. */
  double logTail() {
    if (shifted[second] == Double.NEGATIVE_INFINITY) {
      return Double.NEGATIVE_INFINITY;
    }
    Sum scaled = new Sum();
    for (int i = 0; i < classes; i++) {
      if (i != top) {
        scaled.add(Math.exp(shifted[i] - shifted[second]));
      }
    }
    return shifted[second] + Math.log(scaled.value());
  }

  /** 1 − eᵢ. */
  double gap(int i) {
    return complement(odds[i], -shifted[i]);
  }

  /** 1 − e^−r, of which e^−r is known, with r at least 0; all but the last digit are right. */
  static double complement(double power, double r) {
    return power < NEAR ? 1 - power : -Math.expm1(-r);
  }

  /** pᵢ. */
  double probability(int i) {
    return odds[i] / (1 + tail);
  }

  /** √pᵢ, which does not underflow where pᵢ does. */
  double root(int i) {
    return roots()[i];
  }

  /** All √pᵢ, not to be written to. */
  double[] roots() {
    double[] made = roots;
    if (made.length == 0) {
      made = new double[classes];
      for (int k = 0; k < classes; k++) {
        made[k] = Math.exp(0.5 * (shifted[k] - logSum));
      }
      roots = made;
    }
    return made;
  }

  /** The largest probability a. */
  double largest() {
    return 1 / (1 + tail);
  }

  /** The mass t of the tail, summed and not 1 − a. */
  double tailMass() {
    return tail / (1 + tail);
  }

  /** tr M = 1 − ‖p‖² = 2at + Σ_{i≠m} pᵢ(t − pᵢ). */
  double trace() {
    double mass = tailMass();
    Sum within = new Sum();
    for (int i = 0; i < classes; i++) {
      if (i != top) {
        double p = probability(i);
        within.add(p * (mass - p));
      }
    }
    return 2 * largest() * mass + Math.max(0, within.value());
  }

  /** ‖p‖². */
  double squaredNorm() {
    Sum sum = new Sum();
    for (int i = 0; i < classes; i++) {
      double p = probability(i);
      sum.add(p * p);
    }
    return sum.value();
  }

  /** −Σ p log p, in nats: log(1 + T) − Σ pᵢ(zᵢ − z_m). */
  double entropy() {
    Sum sum = new Sum();
    sum.add(logSum);
    for (int i = 0; i < classes; i++) {
      if (odds[i] > 0) {
        sum.add(-probability(i) * shifted[i]);
      }
    }
    return sum.value();
  }
}
