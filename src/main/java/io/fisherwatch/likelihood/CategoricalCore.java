package io.fisherwatch.likelihood;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The core of a softmax: diag(p) − ppᵀ. Cotangents in its range sum to zero: their entry at the
 * largest probability is minus the sum of the others, so that nothing cancels near one-hot outputs.
 */
final class CategoricalCore implements Core {

  private static final double TIE = 1e-8;

  /** Up to this many classes all parts of a rest have signs of their own, beyond it a few. */
  private static final int FEW_CLASSES = 16;

  private static final int SPLIT = 4;

  private final Softmax softmax;
  private final Eigenpairs eigenpairs;
  private @Nullable Completion completion;

  CategoricalCore(Softmax softmax) {
    this.softmax = softmax;
    this.eigenpairs = new Eigenpairs(softmax);
  }

  @Override
  public int classes() {
    return softmax.classes;
  }

  @Override
  public double trace() {
    return softmax.trace();
  }

  @Override
  public double topEigenvalue() {
    return eigenpairs.value(0);
  }

  @Override
  public double maxProbability() {
    return softmax.largest();
  }

  @Override
  public double entropy() {
    return softmax.entropy();
  }

  @Override
  public double upperGapTrace() {
    return softmax.squaredNorm();
  }

  @Override
  public boolean tied() {
    double largest = softmax.largest();
    return (largest - topEigenvalue()) / largest < TIE;
  }

  @Override
  public int rank() {
    return eigenpairs.rank();
  }

  @Override
  public double eigenvalue(int k) {
    return k == 0 || k < rank() ? eigenpairs.value(k) : 0;
  }

  @Override
  public void part(int k, double[] u) {
    if (k > 0 && k >= rank()) {
      Arrays.fill(u, 0);
      return;
    }
    double[] v = eigenpairs.vector(k);
    double root = eigenpairs.root(k);
    for (int i = 0; i < u.length; i++) {
      u[i] = root * v[i];
    }
  }

  @Override
  public void exactPart(int k, double[] u) {
    if (k == 0) {
      part(0, u);
      return;
    }
    Completion others = completion;
    if (others == null) {
      others = new Completion(softmax, eigenpairs.root(0), eigenpairs.vector(0));
      completion = others;
    }
    others.part(k - 1, u);
    balance(u);
  }

  @Override
  public void fisher(Probe probe, double[] u) {
    double[] roots = softmax.roots();
    Sum projection = new Sum();
    for (int i = 0; i < u.length; i++) {
      u[i] = roots[i] * probe.next();
      projection.add(u[i]);
    }
    double along = projection.value() / (1 + softmax.tail);
    for (int i = 0; i < u.length; i++) {
      u[i] -= softmax.odds[i] * along;
    }
    balance(u);
  }

  @Override
  public void upper(Probe probe, double[] u) {
    double[] roots = softmax.roots();
    for (int i = 0; i < u.length; i++) {
      u[i] = roots[i] * probe.next();
    }
  }

  @Override
  public void upperGap(double[] u) {
    for (int i = 0; i < u.length; i++) {
      u[i] = softmax.probability(i);
    }
  }

  @Override
  public void remainder(int r, Probe probe, double[] u) {
    if (r >= rank()) {
      Arrays.fill(u, 0);
      return;
    }
    fisher(probe, u);
    for (int k = 0; k < r; k++) {
      double[] v = eigenpairs.vector(k);
      Sum product = new Sum();
      for (int i = 0; i < u.length; i++) {
        product.add(v[i] * u[i]);
      }
      double along = product.value();
      for (int i = 0; i < u.length; i++) {
        u[i] -= v[i] * along;
      }
    }
    balance(u);
  }

  @Override
  public void rest(int r, Probe probe, double[] u) {
    int rank = rank();
    int to = softmax.classes <= FEW_CLASSES ? rank : Math.min(rank, r + SPLIT);
    if (to < rank) {
      remainder(to, probe, u);
    } else {
      Arrays.fill(u, 0);
    }
    if (r >= to) {
      return;
    }
    eigenpairs.findUpTo(to - 1);
    for (int k = r; k < to; k++) {
      double[] v = eigenpairs.vector(k);
      double factor = eigenpairs.root(k) * probe.next();
      for (int i = 0; i < u.length; i++) {
        u[i] += factor * v[i];
      }
    }
    balance(u);
  }

  @Override
  public void sampledLabel(Probe probe, double[] u) {
    label(draw(probe), u);
  }

  @Override
  public void sampledUpper(Probe probe, double[] u) {
    Arrays.fill(u, 0);
    int drawn = draw(probe);
    u[drawn] = probe.sign();
  }

  @Override
  public boolean hasEmpirical() {
    return true;
  }

  @Override
  public void empirical(int label, double[] u) {
    if (label < 0 || label >= softmax.classes) {
      throw new IllegalArgumentException(
          "label " + label + " is none of the " + softmax.classes + " classes");
    }
    label(label, u);
  }

  /** e_label − p; its entry at the label is the sum of the other probabilities, not 1 − p. */
  private void label(int label, double[] u) {
    Sum others = new Sum();
    for (int i = 0; i < u.length; i++) {
      u[i] = -softmax.probability(i);
      if (i != label) {
        others.add(softmax.probability(i));
      }
    }
    u[label] = others.value();
  }

  /** A class drawn from p by inversion. */
  private int draw(Probe probe) {
    double threshold = probe.uniform() * (1 + softmax.tail);
    double sum = 0;
    for (int i = 0; i < softmax.classes; i++) {
      sum += softmax.odds[i];
      if (threshold < sum) {
        return i;
      }
    }
    return softmax.top;
  }

  private void balance(double[] u) {
    u[softmax.top] = 0;
    Sum others = new Sum();
    for (double value : u) {
      others.add(value);
    }
    u[softmax.top] = -others.value();
  }
}
