package io.fisherwatch.likelihood;

import java.util.Arrays;

/**
 * Normal errors of one standard deviation: a core matrix of 1/σ² on its diagonal, whatever the
 * output.
 *
 * @param sigma the standard deviation
 */
record Gaussian(double sigma) implements Likelihood {

  Gaussian {
    if (!(sigma > 0) || Double.isInfinite(sigma)) {
      throw new IllegalArgumentException("sigma " + sigma + " is not positive and finite");
    }
  }

  @Override
  public String kind() {
    return "gaussian";
  }

  @Override
  public int minimumClasses() {
    return 1;
  }

  @Override
  public Core core(double[] logits) {
    DiagonalCore.requireFinite(logits);
    double[] roots = new double[logits.length];
    Arrays.fill(roots, 1 / sigma);
    double entropy = logits.length * (0.5 * Math.log(2 * Math.PI * Math.E) + Math.log(sigma));
    return new DiagonalCore(roots, Double.NaN, entropy) {
      @Override
      public void sampledLabel(Probe probe, double[] u) {
        Probe errors = Probe.of(Distribution.GAUSSIAN, Double.doubleToLongBits(probe.uniform()));
        for (int i = 0; i < u.length; i++) {
          u[i] = errors.next() / sigma;
        }
      }
    };
  }
}
