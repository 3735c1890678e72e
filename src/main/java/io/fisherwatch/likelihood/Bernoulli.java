package io.fisherwatch.likelihood;

/** Independent sigmoids: a core matrix of p(1 − p) on its diagonal. */
record Bernoulli() implements Likelihood {

  @Override
  public String kind() {
    return "bernoulli";
  }

  @Override
  public int minimumClasses() {
    return 1;
  }

  @Override
  public Core core(double[] logits) {
    DiagonalCore.requireFinite(logits);
    int classes = logits.length;
    double[] roots = new double[classes];
    double[] probabilities = new double[classes];
    double confidence = 0;
    double entropy = 0;
    for (int i = 0; i < classes; i++) {
      double small = Math.exp(-Math.abs(logits[i])); // odds of the less likely answer
      roots[i] = Math.sqrt(small) / (1 + small);
      double likely = 1 / (1 + small);
      probabilities[i] = logits[i] >= 0 ? likely : small / (1 + small);
      confidence += likely / classes;
      entropy += Math.log1p(small) + Math.abs(logits[i]) * small / (1 + small);
    }
    return new DiagonalCore(roots, confidence, entropy) {
      @Override
      public void sampledLabel(Probe probe, double[] u) {
        for (int i = 0; i < u.length; i++) {
          u[i] = (probe.uniform() < probabilities[i] ? 1 : 0) - probabilities[i];
        }
      }
    };
  }
}
