package io.fisherwatch.likelihood;

/** One of C classes. */
record Categorical() implements Likelihood {

  @Override
  public String kind() {
    return "categorical";
  }

  @Override
  public int minimumClasses() {
    return 2;
  }

  @Override
  public Core core(double[] logits) {
    return new CategoricalCore(Softmax.of(logits));
  }
}
