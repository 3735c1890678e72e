package io.fisherwatch.share;

import java.util.regex.Pattern;

/**
 * A record's key, {@code run/partition/layer}; in the layer {@code %} and {@code /} are written as
 * {@code %25} and {@code %2F}, so that every layer has one key and a key one layer.
 *
 * @param layer empty for the header
 */
record ShareKey(String run, int partition, String layer) {

  private static final int LONGEST = 100_000;
  private static final int MOST_PARTITIONS = 100_000;

  /** As of a run's name in events. */
  private static final Pattern RUN = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,199}");

  boolean isHeader() {
    return layer.isEmpty();
  }

  String text() {
    return run + '/' + partition + '/' + layer.replace("%", "%25").replace("/", "%2F");
  }

  static ShareKey parse(String text) throws ShareException {
    if (text.length() > LONGEST) {
      throw new ShareException("a key has " + text.length() + " characters, more than " + LONGEST);
    }
    String[] fields = text.split("/", -1);
    if (fields.length != 3 || !RUN.matcher(fields[0]).matches()) {
      throw new ShareException("key " + shown(text) + " is not run/partition/layer");
    }
    int partition;
    try {
      partition = Integer.parseInt(fields[1]);
    } catch (NumberFormatException e) {
      partition = -1;
    }
    ShareKey key = new ShareKey(fields[0], partition, decoded(fields[2]));
    if (partition < 0 || partition >= MOST_PARTITIONS || !key.text().equals(text)) {
      throw new ShareException("key " + shown(text) + " is not written as run/partition/layer is");
    }
    return key;
  }

  /** Anything that was not encoded as above does not come back to what it was. */
  private static String decoded(String layer) {
    return layer.replace("%2F", "/").replace("%25", "%");
  }

  /** A text from outside, fit for one line of a log. */
  static String shown(String text) {
    String start = text.length() <= 200 ? text : text.substring(0, 200) + "\u2026";
    return '"' + start.replaceAll("[\\p{Cntrl}\u2028\u2029]+", " ") + '"';
  }
}
