package io.fisherwatch.share;

import java.util.Comparator;

/** The order of a part's publications. */
record Version(long epoch, long sequence) implements Comparable<Version> {

  private static final Comparator<Version> ORDER =
      Comparator.comparingLong(Version::epoch).thenComparingLong(Version::sequence);

  @Override
  public int compareTo(Version other) {
    return ORDER.compare(this, other);
  }
}
