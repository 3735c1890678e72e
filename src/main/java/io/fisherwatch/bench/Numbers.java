package io.fisherwatch.bench;

import java.util.Locale;

/** Numbers as they stand in tables: three significant digits, and no more. */
final class Numbers {

  private Numbers() {}

  /** A plain number. */
  static String of(double value) {
    double size = Math.abs(value);
    if (!Double.isFinite(value)) {
      return "–";
    }
    if (size != 0 && (size < 1e-3 || size >= 1e7)) {
      return String.format(Locale.ROOT, "%.2e", value);
    }
    int decimals = size >= 100 || size == 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
    return size == Math.rint(size) && size < 1e7
        ? String.format(Locale.ROOT, "%,d", (long) value)
        : String.format(Locale.ROOT, "%,." + decimals + "f", value);
  }

  /** A time, in the unit that suits it. */
  static String seconds(double seconds) {
    if (seconds < 1e-3) {
      return of(seconds * 1e6) + " µs";
    }
    return seconds < 1 ? of(seconds * 1e3) + " ms" : of(seconds) + " s";
  }

  /** Megabytes of 10⁶ bytes. */
  static String megabytes(double bytes) {
    return of(bytes / 1e6) + " MB";
  }
}
