package io.fisherwatch.likelihood;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The eigenpairs of diag(p) − ppᵀ, largest first, each found when it is first asked for: O(C) a
 * step after one sort.
 *
 * <p>A probability that occurs m times is itself an eigenvalue, m − 1 times over, with zero-sum
 * vectors on its coordinates. Between two different consecutive probabilities lies exactly one more
 * eigenvalue (interlacing), a root of Σ pᵢ/(pᵢ − λ) = 0, which increases there. It is found as the
 * distance from the nearer of the two, so that a near-tie costs no digits. Vectors whose
 * eigenvalues are close are made orthogonal to each other.
 */
final class Eigenpairs {

  /** Eigenvalues this close, relative to the larger, have their vectors made orthogonal. */
  private static final double CLOSE = 1e-2;

  private static final int MOST_STEPS = 200;

  private final Softmax softmax;
  private final int rank;
  private final List<Double> roots = new ArrayList<>();
  private final List<Double> values = new ArrayList<>();
  private final List<double[]> vectors = new ArrayList<>();

  /** Coordinates by falling probability, made when the second pair is asked for. */
  private int[] order = new int[0];

  /** Where in {@link #order} the group begins that the search has come to. */
  private int group;

  Eigenpairs(Softmax softmax) {
    this.softmax = softmax;
    int positive = 0;
    for (int i = 0; i < softmax.classes; i++) {
      positive += softmax.probability(i) > 0 ? 1 : 0;
    }
    this.rank = positive - 1;
  }

  /** How many eigenvalues are not zero. */
  int rank() {
    return rank;
  }

  /** The k-th largest eigenvalue, k below the rank or 0. */
  double value(int k) {
    findUpTo(k);
    return values.get(k);
  }

  /** Its square root, which does not underflow where the eigenvalue does. */
  double root(int k) {
    findUpTo(k);
    return roots.get(k);
  }

  /** Its unit eigenvector, not to be changed. */
  double[] vector(int k) {
    findUpTo(k);
    return vectors.get(k);
  }

  private void findUpTo(int k) {
    if (vectors.isEmpty()) {
      TopEigenpair top = TopEigenpair.of(softmax);
      add(top.value, top.root(), top.vector);
    }
    if (k > 0 && order.length == 0) {
      order =
          IntStream.range(0, softmax.classes)
              .boxed()
              .sorted(Comparator.comparingDouble(i -> -softmax.shifted[i]))
              .mapToInt(Integer::intValue)
              .toArray();
      skipTopPair();
    }
    while (vectors.size() <= k) {
      findNextGroup();
    }
  }

  /** The first pair is there already; what is left of its group comes next. */
  private void skipTopPair() {
    int end = endOfGroup(0);
    if (end == 1) {
      group = 1; // it was the root between the first group and the second
    } else {
      addTies(0, end, 2);
      addRootBelow(0, end);
      group = end;
    }
    if (end == 1) {
      int next = endOfGroup(1);
      addTies(1, next, 1);
      addRootBelow(1, next);
      group = next;
    }
  }

  private void findNextGroup() {
    if (group >= order.length) {
      throw new IllegalArgumentException("there are only " + vectors.size() + " eigenpairs");
    }
    int end = endOfGroup(group);
    addTies(group, end, 1);
    addRootBelow(group, end);
    group = end;
  }

  private int endOfGroup(int start) {
    int end = start;
    while (end < order.length && softmax.shifted[order[end]] == softmax.shifted[order[start]]) {
      end++;
    }
    return end;
  }

  /** Zero-sum vectors on equal coordinates, after Helmert: the m-th on the first m + 1 of them. */
  private void addTies(int start, int end, int first) {
    double p = softmax.probability(order[start]);
    for (int m = first; m < end - start && p > 0; m++) {
      double[] v = new double[softmax.classes];
      double norm = Math.sqrt((double) m * (m + 1));
      for (int j = 0; j < m; j++) {
        v[order[start + j]] = 1 / norm;
      }
      v[order[start + m]] = -m / norm;
      add(p, softmax.root(order[start]), v);
    }
  }

  /** The root between a group's probability and the next smaller one, if that is not zero. */
  private void addRootBelow(int start, int end) {
    if (end >= order.length || !(softmax.probability(order[end]) > 0)) {
      group = order.length;
      return;
    }
    int upper = order[start];
    int lower = order[end];
    double gap = -Math.expm1(softmax.shifted[lower] - softmax.shifted[upper]); // in units of eUpper
    Poles poles = new Poles(softmax.shifted, upper);
    boolean nearLower = poles.secular(-gap / 2).value > 0;
    double[] found = nearLower ? fromLower(upper, lower) : fromUpper(poles, gap);
    add(found);
  }

  /** What the secular equation needs of the coordinates seen from one of them, the origin. */
  private static final class Poles {

    private final int origin;
    private final double[] relative;
    private final double[] above;
    private final double[] near;
    private final double[] factor;

    Poles(double[] shifted, int origin) {
      this.origin = origin;
      this.relative = new double[shifted.length];
      this.above = new double[shifted.length];
      this.near = new double[shifted.length];
      this.factor = new double[shifted.length];
      for (int i = 0; i < shifted.length; i++) {
        double r = shifted[i] - shifted[origin];
        relative[i] = r;
        above[i] = Math.expm1(r);
        near[i] = r > 0 ? -Math.expm1(-r) : above[i];
        factor[i] = Math.exp(-Math.abs(r));
      }
    }

    /**
     * f(λ) = Σ eᵢ/(eᵢ − λ) with λ = e_origin·(1 + distance), and the sum of its derivative's terms.
     */
    Secular secular(double distance) {
      Sum value = new Sum();
      Sum slope = new Sum();
      for (int i = 0; i < relative.length; i++) {
        if (relative[i] == Double.NEGATIVE_INFINITY) {
          continue;
        }
        double term = term(i, distance);
        value.add(term);
        slope.add(term / (above[i] - distance));
      }
      return new Secular(value.value(), slope.value());
    }

    /**
     * e^r/(e^r − 1 − distance), from e^−r where r is positive: the largest coordinates lie so far
     * above the smallest that e^r overflows.
     */
    private double term(int i, double distance) {
      return relative[i] > 0
          ? 1 / (near[i] - distance * factor[i])
          : factor[i] / (near[i] - distance);
    }
  }

  private record Secular(double value, double slope) {}

  private double[] fromLower(int upper, int lower) {
    double gap = Math.expm1(softmax.shifted[upper] - softmax.shifted[lower]);
    // every coordinate above adds at least 1, every other one at most 1/distance: it is below C
    double farEnd = Math.min(gap / 2, 2.0 * softmax.classes);
    Poles poles = new Poles(softmax.shifted, lower);
    return eigenvector(poles, solve(poles, farEnd));
  }

  private double[] fromUpper(Poles poles, double gap) {
    return eigenvector(poles, solve(poles, -gap / 2));
  }

  /**
   * The root between the origin and a far end on which f has the other sign, by Newton on distance
   * · f, which is smooth at the origin, kept within a shrinking bracket.
   */
  private static double solve(Poles poles, double farEnd) {
    double near = 0;
    double far = farEnd;
    double x = farEnd / 2;
    for (int step = 0; step < MOST_STEPS; step++) {
      Secular f = poles.secular(x);
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

  /** The eigenvector eᵢ/(eᵢ − λ), with the square root of the eigenvalue behind it. */
  private double[] eigenvector(Poles poles, double distance) {
    double[] v = new double[softmax.classes + 1];
    for (int i = 0; i < softmax.classes; i++) {
      if (softmax.shifted[i] != Double.NEGATIVE_INFINITY) {
        v[i] = poles.term(i, distance);
      }
    }
    v[softmax.classes] = softmax.root(poles.origin) * Math.sqrt(1 + distance);
    return v;
  }

  private void add(double[] vectorAndRoot) {
    double root = vectorAndRoot[softmax.classes];
    double[] v = java.util.Arrays.copyOf(vectorAndRoot, softmax.classes);
    scale(v);
    orthogonalise(v, root * root);
    add(root * root, root, v);
  }

  private void add(double value, double root, double[] vector) {
    values.add(value);
    roots.add(root);
    vectors.add(vector);
  }

  private void orthogonalise(double[] v, double value) {
    boolean changed = false;
    for (int k = 0; k < vectors.size(); k++) {
      if (values.get(k) - value <= CLOSE * values.get(k)) {
        double[] other = vectors.get(k);
        double product = dot(v, other);
        for (int i = 0; i < v.length; i++) {
          v[i] -= product * other[i];
        }
        changed = true;
      }
    }
    if (changed) {
      scale(v);
    }
  }

  private static void scale(double[] v) {
    double largest = 0;
    for (double entry : v) {
      largest = Math.max(largest, Math.abs(entry));
    }
    for (int i = 0; i < v.length; i++) {
      v[i] /= largest;
    }
    double norm = Math.sqrt(dot(v, v));
    for (int i = 0; i < v.length; i++) {
      v[i] /= norm;
    }
  }

  private static double dot(double[] a, double[] b) {
    Sum sum = new Sum();
    for (int i = 0; i < a.length; i++) {
      sum.add(a[i] * b[i]);
    }
    return sum.value();
  }
}
