package io.fisherwatch.event;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How large the program of a pattern is, at most, told from its text before it is compiled. RE2
 * promises time in proportion to program and text; but it writes counted repetitions out, so that
 * ten nested ones fill any memory, and a Unicode class is a table of a thousand ranges.
 */
final class PatternCost {

  /** Repetitions within repetitions, multiplied; whether they are nested is not looked at. */
  static final int MOST_REPETITIONS = 100;

  /** Of all patterns of an event together. */
  static final long MOST = 1_000_000;

  private static final int CLASS_COST = 1_000;

  /** {@code {3}}, {@code {3,}} and {@code {3,5}}, but not the braces of {@code \\x{1F600}}. */
  private static final Pattern COUNTED =
      Pattern.compile("(?<!\\\\x)\\{(\\d{1,9})(?:,(\\d{0,9}))?\\}");

  private static final Pattern UNICODE_CLASS = Pattern.compile("\\\\[pP]");

  private PatternCost() {}

  /** The counts of all repetitions, multiplied. */
  static long repetitions(String pattern) {
    long product = 1;
    Matcher counted = COUNTED.matcher(pattern);
    while (counted.find() && product <= MOST_REPETITIONS) {
      String most = counted.group(2) == null ? "" : counted.group(2);
      long count = Long.parseLong(most.isEmpty() ? counted.group(1) : most);
      product *= Math.max(1, count);
    }
    return product;
  }

  /** A bound on the number of instructions. */
  static long of(String pattern) {
    long classes = UNICODE_CLASS.matcher(pattern).results().count();
    return (pattern.length() + CLASS_COST * classes) * repetitions(pattern);
  }
}
