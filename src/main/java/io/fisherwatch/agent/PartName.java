package io.fisherwatch.agent;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Under which a part of a run is shown and saved: {@code run@partition}.
 *
 * @param run the run's name, which has no @
 * @param partition of the topic of the batches
 */
record PartName(String run, int partition) {

  private static final Pattern SHAPE = Pattern.compile("([^@]+)@(\\d{1,9})");

  /** Reads one; empty if it is none. */
  static Optional<PartName> parse(String name) {
    Matcher matcher = SHAPE.matcher(name);
    return matcher.matches()
        ? Optional.of(new PartName(matcher.group(1), Integer.parseInt(matcher.group(2))))
        : Optional.empty();
  }

  @Override
  public String toString() {
    return run + "@" + partition;
  }
}
