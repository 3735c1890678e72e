package io.fisherwatch.likelihood;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/** A core matrix that is diagonal: independent outputs. */
abstract class DiagonalCore implements Core {

  private final double[] roots;
  private final double maxProbability;
  private final double entropy;
  private final int[] order;

  /**
   * @param roots square roots of the diagonal
   */
  DiagonalCore(double[] roots, double maxProbability, double entropy) {
    this.roots = roots;
    this.maxProbability = maxProbability;
    this.entropy = entropy;
    this.order =
        IntStream.range(0, roots.length)
            .boxed()
            .sorted(Comparator.comparingDouble(i -> -roots[i]))
            .mapToInt(Integer::intValue)
            .toArray();
  }

  static void requireFinite(double[] outputs) {
    for (int i = 0; i < outputs.length; i++) {
      if (!Double.isFinite(outputs[i])) {
        throw new IllegalArgumentException("logit " + i + " is " + outputs[i]);
      }
    }
  }

  @Override
  public final int classes() {
    return roots.length;
  }

  @Override
  public final double trace() {
    double trace = 0;
    for (double root : roots) {
      trace += root * root;
    }
    return trace;
  }

  @Override
  public final double topEigenvalue() {
    return eigenvalue(0);
  }

  @Override
  public final double maxProbability() {
    return maxProbability;
  }

  @Override
  public final double entropy() {
    return entropy;
  }

  @Override
  public final double upperGapTrace() {
    return 0;
  }

  @Override
  public final boolean tied() {
    return roots.length > 1 && roots[order[0]] - roots[order[1]] < 0.5e-8 * roots[order[0]];
  }

  @Override
  public final int rank() {
    int rank = 0;
    for (double root : roots) {
      rank += root > 0 ? 1 : 0;
    }
    return rank;
  }

  @Override
  public final double eigenvalue(int k) {
    double root = roots[order[k]];
    return root * root;
  }

  @Override
  public final void part(int k, double[] u) {
    Arrays.fill(u, 0);
    if (k < roots.length) {
      u[order[k]] = roots[order[k]];
    }
  }

  @Override
  public final void fisher(Probe probe, double[] u) {
    for (int i = 0; i < u.length; i++) {
      u[i] = roots[i] * probe.next();
    }
  }

  @Override
  public final void upper(Probe probe, double[] u) {
    fisher(probe, u);
  }

  @Override
  public final void upperGap(double[] u) {
    Arrays.fill(u, 0);
  }

  @Override
  public final void remainder(int r, Probe probe, double[] u) {
    fisher(probe, u);
    for (int k = 0; k < Math.min(r, order.length); k++) {
      u[order[k]] = 0;
    }
  }

  @Override
  public final void rest(int r, Probe probe, double[] u) {
    remainder(r, probe, u);
  }

  @Override
  public final void sampledUpper(Probe probe, double[] u) {
    sampledLabel(probe, u);
  }

  @Override
  public final boolean hasEmpirical() {
    return false;
  }

  @Override
  public final void empirical(int label, double[] u) {
    throw new IllegalArgumentException("class indices are no labels of independent outputs");
  }
}
