package io.fisherwatch.event;

import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * The distribution whose parameters the logits are.
 *
 * @param kind {@code categorical}, {@code bernoulli} or {@code gaussian}
 * @param sigma the standard deviation of {@code gaussian}, positive; of no other kind
 * @param mask the name of the batch tensor [N, T] that says which positions count
 */
public record LikelihoodSpec(String kind, OptionalDouble sigma, Optional<String> mask) {

  // first, since the constant below is checked against it
  private static final List<String> KINDS = List.of("categorical", "bernoulli", "gaussian");

  /** The softmax of a classifier, unmasked. */
  public static final LikelihoodSpec CATEGORICAL =
      new LikelihoodSpec("categorical", OptionalDouble.empty(), Optional.empty());

  /** Checks kind and standard deviation. */
  public LikelihoodSpec {
    if (!KINDS.contains(kind)) {
      throw new IllegalArgumentException(
          "kind is " + Checks.shown(kind) + ", which should be one of " + KINDS);
    }
    if (sigma.isPresent() != kind.equals("gaussian")) {
      throw new IllegalArgumentException(
          "kind is " + kind + (sigma.isPresent() ? ", which has no sigma" : ", which needs sigma"));
    }
    if (sigma.isPresent() && !(sigma.getAsDouble() > 0 && Double.isFinite(sigma.getAsDouble()))) {
      throw new IllegalArgumentException(
          "sigma is " + sigma.getAsDouble() + ", which should be positive and finite");
    }
  }
}
