package io.fisherwatch.bench;

/**
 * What was to be reached, and what was.
 *
 * @param section the section that measured it
 * @param figure what was measured
 * @param goal the bound, in words
 * @param measured the measurement, in words
 * @param met whether it is within the bound
 */
public record Goal(String section, String figure, String goal, String measured, boolean met) {

  /** At most a bound. */
  static Goal atMost(String section, String figure, double bound, double measured, String unit) {
    return new Goal(
        section,
        figure,
        "≤ " + Numbers.of(bound) + unit,
        Numbers.of(measured) + unit,
        measured <= bound);
  }

  /** At least a bound. */
  static Goal atLeast(String section, String figure, double bound, double measured, String unit) {
    return new Goal(
        section,
        figure,
        "≥ " + Numbers.of(bound) + unit,
        Numbers.of(measured) + unit,
        measured >= bound);
  }

  /** A line of the table of goals. */
  String row() {
    return "| %s | %s | %s | %s | %s |\n"
        .formatted(section, figure, goal, measured, met ? "met" : "**not met**");
  }
}
