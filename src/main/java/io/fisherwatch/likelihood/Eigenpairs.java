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
 * eigenvalue (interlacing), a root of the {@link SecularEquation}. Vectors whose eigenvalues are
 * close are made orthogonal to each other.
 */
final class Eigenpairs {

  /** Eigenvalues this close, relative to the larger, have their vectors made orthogonal. */
  private static final double CLOSE = 1e-2;

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

  /** Finds all pairs up to the k-th, which is cheaper at once than one after the other. */
  void findUpTo(int k) {
    if (vectors.isEmpty()) {
      TopEigenpair top = TopEigenpair.of(softmax);
      add(top.value, top.root(), top.vector);
    }
    if (vectors.size() > k) {
      return;
    }
    SecularEquation equation = new SecularEquation(softmax);
    if (order.length == 0) {
      order =
          IntStream.range(0, softmax.classes)
              .boxed()
              .sorted(Comparator.comparingDouble(i -> -softmax.shifted[i]))
              .mapToInt(Integer::intValue)
              .toArray();
      skipTopPair(equation);
    }
    while (vectors.size() <= k) {
      findNextGroup(equation);
    }
  }

  /** The first pair is there already; what is left of its group comes next. */
  private void skipTopPair(SecularEquation equation) {
    int end = endOfGroup(0);
    if (end > 1) { // else it was the root between the first group and the second
      addTies(0, end, 2);
      addRootBelow(equation, 0, end);
    }
    group = end;
  }

  private void findNextGroup(SecularEquation equation) {
    if (group >= order.length) {
      throw new IllegalArgumentException("there are only " + vectors.size() + " eigenpairs");
    }
    int end = endOfGroup(group);
    addTies(group, end, 1);
    addRootBelow(equation, group, end);
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
  private void addRootBelow(SecularEquation equation, int start, int end) {
    if (end >= order.length || !(softmax.probability(order[end]) > 0)) {
      group = order.length;
      return;
    }
    SecularEquation.Root found = equation.between(order[start], order[end]);
    double root = found.squareRoot();
    double[] v = found.eigenvector();
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
