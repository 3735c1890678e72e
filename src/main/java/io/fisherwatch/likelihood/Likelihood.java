package io.fisherwatch.likelihood;

/**
 * What a network's outputs mean: the distribution whose parameters they are. Immutable.
 *
 * <p>Of each output it makes the {@link Core}: the Fisher matrix of the distribution with respect
 * to these parameters, which the network's Jacobian pulls back to the Fisher matrix of the weights.
 */
public sealed interface Likelihood permits Categorical, Bernoulli, Gaussian {

  /** {@code categorical}, {@code bernoulli} or {@code gaussian}. */
  String kind();

  /** The least width of an output that means anything: 2 for {@code categorical}, else 1. */
  int minimumClasses();

  /**
   * The core of one output.
   *
   * @param logits its numbers; −∞ in a categorical one is a probability of zero
   * @throws IllegalArgumentException if they are not finite
   */
  Core core(double[] logits);

  /** One of C classes, from logits by the softmax. */
  static Likelihood categorical() {
    return new Categorical();
  }

  /** C independent yes-or-no answers, from logits by the sigmoid. */
  static Likelihood bernoulli() {
    return new Bernoulli();
  }

  /**
   * C numbers with normal errors of one standard deviation, independent of each other.
   *
   * @throws IllegalArgumentException if sigma is not positive and finite
   */
  static Likelihood gaussian(double sigma) {
    return new Gaussian(sigma);
  }
}
