package io.fisherwatch.runtime;

import java.util.Optional;

/**
 * Which output of a graph holds the logits. Nested outputs count in depth-first order.
 *
 * @param index position in a tuple or list; ignored if there is a key
 * @param key key of a dict
 */
public record OutputSelector(int index, Optional<String> key) {

  /** The first output, or the only one. */
  public static final OutputSelector FIRST = new OutputSelector(0, Optional.empty());

  public OutputSelector {
    if (index < 0) {
      throw new IllegalArgumentException("output index " + index + " is negative");
    }
  }
}
