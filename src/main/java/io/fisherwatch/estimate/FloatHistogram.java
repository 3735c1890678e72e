package io.fisherwatch.estimate;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Non-negative float32 numbers, counted by the upper 16 bits of their pattern: 128 bins to the
 * octave, so that a quantile is right to 0.8 %. Cheap to make on any device, since the order of the
 * patterns is that of the numbers. One thread.
 */
public final class FloatHistogram {

  /** The number of bins of finite non-negative numbers; one more counts everything else. */
  public static final int BINS = 32640;

  private static final int LOWEST_DECADE = -20;
  private static final int HIGHEST_DECADE = 4;

  private final long[] counts;
  private long total;

  /**
   * How many numbers lie in a bin or a lower one, from the first bin that holds any to the last;
   * empty until it is asked for.
   */
  private long[] cumulated = {};

  private int first;

  private FloatHistogram(long[] counts) {
    this.counts = counts;
    for (int bin = 0; bin < BINS; bin++) {
      total += counts[bin];
    }
  }

  /** Nothing counted yet. */
  public static FloatHistogram empty() {
    return new FloatHistogram(new long[BINS + 1]);
  }

  /**
   * Wraps counts.
   *
   * @param counts by bin: bin 0 exact zeros only, the last all that are no finite non-negative
   *     number; they are the histogram's from now on
   */
  public static FloatHistogram of(long[] counts) {
    if (counts.length != BINS + 1) {
      throw new IllegalArgumentException(counts.length + " bins, not " + (BINS + 1));
    }
    return new FloatHistogram(counts);
  }

  /** Counts a number. */
  public void add(float value) {
    forgetCumulated();
    int bits = Float.floatToRawIntBits(value);
    if (value == 0) {
      counts[0]++;
    } else if (bits < 0 || bits >>> 16 >= BINS) {
      counts[BINS]++;
      return;
    } else {
      counts[value < Float.MIN_NORMAL ? 1 : bits >>> 16]++;
    }
    total++;
  }

  /** Adds another's counts. */
  public void merge(FloatHistogram other) {
    for (int bin = 0; bin <= BINS; bin++) {
      counts[bin] += other.counts[bin];
    }
    total += other.total;
    forgetCumulated();
  }

  /** How many finite non-negative numbers. */
  public long total() {
    return total;
  }

  /** The number with a share q of all others at or below it, by rank (n − 1)q; NaN of nothing. */
  public double quantile(double q) {
    if (total == 0) {
      return Double.NaN;
    }
    double rank = q * (total - 1);
    int bin = 0;
    int end = cumulated().length - 1;
    while (bin < end) {
      int middle = (bin + end) >>> 1;
      if (cumulated[middle] > rank) {
        end = middle;
      } else {
        bin = middle + 1;
      }
    }
    bin += first;
    double inside = bin == 0 ? 0 : (rank - inLowerBins(bin) + 0.5) / counts[bin];
    return lower(bin) + inside * (lower(bin + 1) - lower(bin));
  }

  /** The share of numbers below a threshold; a bin that it cuts counts in proportion. */
  public double shareBelow(double threshold) {
    if (total == 0) {
      return Double.NaN;
    }
    if (!(threshold > 0)) {
      return 0;
    }
    if (threshold == Double.POSITIVE_INFINITY) {
      return 1;
    }
    int cut = Math.min(BINS - 1, binBelow(threshold));
    double below = inLowerBins(cut);
    double inside =
        cut == 0 ? 1 : Math.min(1, (threshold - lower(cut)) / (lower(cut + 1) - lower(cut)));
    return (below + inside * counts[cut]) / total;
  }

  /**
   * The share of numbers of which their noise leaves open whether the true value is below a
   * threshold: those with the threshold inside their 95 % interval.
   */
  public double undetermined(double threshold, ProbeNoise noise) {
    return shareBelow(threshold * noise.most()) - shareBelow(threshold * noise.least());
  }

  /**
   * The share of numbers by decade: {@code zero}, {@code under} 1e-20, the decades by their lower
   * exponent from {@code -20} to {@code 4}, {@code over} at 1e5 and above. They add up to 1; all
   * are NaN of nothing.
   */
  public Map<String, Double> density() {
    Map<String, Double> density = new LinkedHashMap<>();
    double zero = (double) counts[0] / total;
    density.put("zero", zero);
    double before = zero;
    for (int decade = LOWEST_DECADE; decade <= HIGHEST_DECADE + 1; decade++) {
      double below = shareBelow(Math.pow(10, decade));
      density.put(
          decade == LOWEST_DECADE ? "under" : Integer.toString(decade - 1),
          Math.max(0, below - before));
      before = below;
    }
    density.put("over", Math.max(0, 1 - before));
    return density;
  }

  private void forgetCumulated() {
    if (cumulated.length > 0) {
      cumulated = new long[0];
    }
  }

  private long inLowerBins(int bin) {
    int last = cumulated().length - 1;
    return bin <= first ? 0 : cumulated[Math.min(bin - 1 - first, last)];
  }

  /** Of numbers that there are. */
  private long[] cumulated() {
    if (cumulated.length == 0) {
      first = 0;
      while (counts[first] == 0) {
        first++;
      }
      int last = BINS - 1;
      while (counts[last] == 0) {
        last--;
      }
      cumulated = new long[last - first + 1];
      long below = 0;
      for (int bin = first; bin <= last; bin++) {
        below += counts[bin];
        cumulated[bin - first] = below;
      }
    }
    return cumulated;
  }

  /** The bin of a positive number, or of the largest that is not above it. */
  private static int binBelow(double number) {
    int bin = Float.floatToRawIntBits((float) number) >>> 16;
    return lower(bin) > number ? bin - 1 : bin;
  }

  /** The least number of a bin. */
  private static double lower(int bin) {
    return Float.intBitsToFloat(bin << 16);
  }
}
