package io.fisherwatch.event;

import com.google.re2j.Pattern;
import com.google.re2j.PatternSyntaxException;

/**
 * Puts the parameters whose names contain a match into one layer.
 *
 * @param name the layer's name; those that begin with {@code _} are reserved
 * @param match a pattern in RE2 syntax (its time is linear in the name), found anywhere in it
 */
public record LayerRule(String name, String match) {

  /** The most rules that an event may have. */
  public static final int MOST = 1_000;

  private static final int LONGEST = 500;

  /** Checks the lengths, the name and that the pattern compiles. */
  public LayerRule {
    if (name.isBlank() || name.startsWith("_") || name.length() > LONGEST) {
      throw new IllegalArgumentException(
          "name is "
              + Checks.shown(name)
              + ", which should have 1 to "
              + LONGEST
              + " characters and not begin with _");
    }
    if (match.isEmpty() || match.length() > LONGEST) {
      throw new IllegalArgumentException(
          "match has " + match.length() + " characters; 1 to " + LONGEST + " are allowed");
    }
    if (PatternCost.repetitions(match) > PatternCost.MOST_REPETITIONS) {
      throw new IllegalArgumentException(
          "match is "
              + Checks.shown(match)
              + ", whose counted repetitions multiply to more than "
              + PatternCost.MOST_REPETITIONS);
    }
    if (PatternCost.foldsBeyondAscii(match)) {
      throw new IllegalArgumentException(
          "match is "
              + Checks.shown(match)
              + "; with (?i) only ASCII is allowed, and no \\x or \\p");
    }
    try {
      Pattern.compile(match);
    } catch (PatternSyntaxException e) {
      throw new IllegalArgumentException(
          "match is " + Checks.shown(match) + ", which is not RE2: " + e.getDescription(), e);
    }
  }

  /** A bound on the size of the pattern's program: matching it costs so many steps a character. */
  public long cost() {
    return PatternCost.of(match);
  }
}
