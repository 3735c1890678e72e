package io.fisherwatch.event;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a pattern costs, at most, told from its text before it is compiled. RE2 promises time in
 * proportion to program and text; but it writes counted repetitions out, so that ten nested ones
 * fill any memory, and a Unicode class is a table of a thousand ranges. Measured in instructions;
 * what takes the compiler longer counts for more.
 */
final class PatternCost {

  /** Repetitions within repetitions, multiplied; whether they are nested is not looked at. */
  static final int MOST_REPETITIONS = 100;

  /** Of all patterns of an event together. */
  static final long MOST = 1_000_000;

  private static final int CLASS_COST = 1_000;

  private static final Pattern FOLDING = Pattern.compile("\\(\\?[A-Za-z-]*i");
  private static final Pattern BEYOND_ASCII = Pattern.compile("[^\\x00-\\x7f]|\\\\[xpP0-7]");

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
    long classes = CLASS_COST * UNICODE_CLASS.matcher(pattern).results().count();
    return (pattern.length() + classes) * repetitions(pattern);
  }

  /**
   * Whether it asks for large classes without regard to case. The compiler folds them rune by rune
   * and copies what it has at each: for the hundred thousand that there are, that takes minutes.
   */
  static boolean foldsBeyondAscii(String pattern) {
    return FOLDING.matcher(pattern).find() && BEYOND_ASCII.matcher(pattern).find();
  }
}
