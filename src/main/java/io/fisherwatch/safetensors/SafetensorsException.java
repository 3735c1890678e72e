package io.fisherwatch.safetensors;

import java.io.IOException;

/** A file that is not valid safetensors: one line that names the file and what is wrong in it. */
public final class SafetensorsException extends IOException {

  private static final long serialVersionUID = 1L;
  private static final int LONGEST_QUOTE = 200;

  SafetensorsException(String what, String wrong) {
    super(what + ": " + wrong);
  }

  /** What a file says, fit for one line of a log: shortened, and without control characters. */
  static String quote(String text) {
    String shown =
        text.length() <= LONGEST_QUOTE ? text : text.substring(0, LONGEST_QUOTE) + "\u2026";
    return '"' + oneLine(shown) + '"';
  }

  /** Replaces control characters, line ends among them. */
  static String oneLine(String text) {
    return text.replaceAll("[\\p{Cntrl}\u2028\u2029]+", " ");
  }
}
