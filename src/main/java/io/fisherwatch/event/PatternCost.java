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

  /** Without regard to case a class is folded rune by rune, of which there may be a million. */
  private static final int FOLDED_CLASS_COST = 20_000;

  private static final Pattern FOLDING = Pattern.compile("\\(\\?[A-Za-z-]*i");
  private static final Pattern BRACKET = Pattern.compile("\\[");

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

  /** A bound on the number of instructions, or of what takes as long. */
  static long of(String pattern) {
    long unicode = UNICODE_CLASS.matcher(pattern).results().count();
    long brackets = BRACKET.matcher(pattern).results().count();
    long classes =
        FOLDING.matcher(pattern).find()
            ? FOLDED_CLASS_COST * (unicode + brackets)
            : CLASS_COST * unicode;
    return (pattern.length() + classes) * repetitions(pattern);
  }
}
