package io.fisherwatch.event;

import java.util.regex.Pattern;

/** What more than one event promises of its values. */
final class Checks {

  private static final Pattern RUN = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,199}");

  private static final Pattern SHARD = Pattern.compile("[A-Za-z0-9._-]{1,100}");

  private Checks() {}

  static void run(String run) {
    if (!RUN.matcher(run).matches()) {
      throw new IllegalArgumentException(
          "run is " + shown(run) + ", which should match " + RUN.pattern());
    }
  }

  static void shard(String shard) {
    if (!SHARD.matcher(shard).matches()) {
      throw new IllegalArgumentException(
          "shard is " + shown(shard) + ", which should match " + SHARD.pattern());
    }
  }

  static void step(long step) {
    if (step < 0) {
      throw new IllegalArgumentException("step is " + step + ", which should be 0 or more");
    }
  }

  /** A text from outside, fit for one line of a log. */
  static String shown(String text) {
    String start = text.length() <= 200 ? text : text.substring(0, 200) + "\u2026";
    return '"' + oneLine(start) + '"';
  }

  static String oneLine(String text) {
    return text.replaceAll("[\\p{Cntrl}\u2028\u2029]+", " ");
  }
}
