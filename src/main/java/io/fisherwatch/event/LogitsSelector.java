package io.fisherwatch.event;

import java.util.Optional;

/**
 * Which output of the graph holds the logits.
 *
 * @param index the place in a tuple, from 0; of no meaning if there is a key
 * @param key the key in a dict, if the graph returns one
 */
public record LogitsSelector(int index, Optional<String> key) {

  /** The first output, or the only one. */
  public static final LogitsSelector FIRST = new LogitsSelector(0, Optional.empty());

  /** Checks the index. */
  public LogitsSelector {
    if (index < 0) {
      throw new IllegalArgumentException("index is " + index + ", which should be 0 or more");
    }
  }
}
