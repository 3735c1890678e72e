package io.fisherwatch.djl;

import io.fisherwatch.runtime.Parameter;
import java.util.Locale;
import java.util.Optional;

/**
 * How a parameter's gradient follows from the gradients δ at layers' outputs and the layers' inputs
 * a.
 */
enum TapRule {
  /** δᵀa, of [rows, columns]. */
  LINEAR(0, 0),
  /** aᵀδ. */
  TRANSPOSED(1, 0),
  /** δᵀ patches(a); stride, padding, dilation, each of two numbers, and groups. */
  CONVOLUTION(2, 7),
  /** δ's rows summed by token; the token of padding, −1 for none. */
  EMBEDDING(3, 1),
  /** Σ δ∘a; 1 if the channels follow the example, 0 if they come last. */
  SCALE(4, 1),
  /** Σ δ; as above. */
  SHIFT(5, 1),
  /** No gradient. */
  UNUSED(6, 0);

  private static final long LARGEST = 1 << 16;

  private final int number;
  private final int options;

  TapRule(int number, int options) {
    this.number = number;
    this.options = options;
  }

  /** What the kernels call it. */
  int number() {
    return number;
  }

  static Optional<TapRule> of(String name) {
    for (TapRule rule : values()) {
      if (rule.name().toLowerCase(Locale.ROOT).equals(name)) {
        return Optional.of(rule);
      }
    }
    return Optional.empty();
  }

  /** Whether the rule, with these options, can be one for this parameter. */
  boolean fits(Parameter parameter, long[] given) {
    int dimensions = parameter.shape().dimensions().size();
    if (given.length != options || parameter.elements() == 0) {
      return false;
    }
    return switch (this) {
      case LINEAR, TRANSPOSED -> dimensions == 2;
      case EMBEDDING ->
          dimensions == 2 && given[0] >= -1 && given[0] < parameter.shape().dimensions().get(0);
      case SCALE, SHIFT -> given[0] == 0 ? dimensions >= 1 : given[0] == 1 && dimensions == 1;
      case CONVOLUTION -> (dimensions == 3 || dimensions == 4) && isConvolution(parameter, given);
      case UNUSED -> true;
    };
  }

  private static boolean isConvolution(Parameter parameter, long[] given) {
    for (int i = 0; i < given.length; i++) {
      boolean padding = i == 2 || i == 3;
      if (given[i] < (padding ? 0 : 1) || given[i] > LARGEST) {
        return false;
      }
    }
    return parameter.shape().dimensions().get(0) % given[6] == 0;
  }
}
