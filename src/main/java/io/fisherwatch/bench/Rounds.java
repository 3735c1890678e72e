package io.fisherwatch.bench;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.LongSupplier;

/**
 * Pieces of work timed by turns, round after round, so that what else happens on the machine falls
 * on all of them alike.
 */
final class Rounds {

  /** What takes less is repeated until it takes so long, lest the clock be what is measured. */
  private static final double LEAST_SECONDS = 0.1;

  /** Each piece of work runs so long before it counts, or once. */
  private static final double WARM_SECONDS = 3;

  private final LongSupplier nanoTime;
  private final Map<String, Work> works = new LinkedHashMap<>();
  private final Map<String, Integer> repetitions = new LinkedHashMap<>();
  private final Map<String, double[]> seconds = new LinkedHashMap<>();

  /** Something to be timed. */
  @FunctionalInterface
  interface Work {
    void run() throws Exception;
  }

  /**
   * Ratios of two pieces of work, one of each round.
   *
   * @param median of them
   * @param least of them
   * @param most of them
   */
  record Ratio(double median, double least, double most) {

    @Override
    public String toString() {
      return Numbers.of(median) + " (" + Numbers.of(least) + "–" + Numbers.of(most) + ")";
    }
  }

  Rounds(LongSupplier nanoTime) {
    this.nanoTime = nanoTime;
  }

  /** Adds a piece of work, which comes after those that are there. */
  Rounds add(String name, Work work) {
    works.put(name, work);
    return this;
  }

  /** Warms everything up, and runs the rounds. */
  Rounds run(int rounds) throws Exception {
    for (Map.Entry<String, Work> work : works.entrySet()) {
      double last = time(work.getValue(), 1);
      for (double spent = last; spent < WARM_SECONDS; spent += last) {
        last = time(work.getValue(), 1);
      }
      // what little work does is warm after a thousand runs, not after two
      int needed = (int) Math.min(1000, Math.max(1, Math.ceil(LEAST_SECONDS / last)));
      int settled = needed == 1 ? 1 : repetitions(time(work.getValue(), needed));
      repetitions.put(work.getKey(), settled);
    }
    works.keySet().forEach(name -> seconds.put(name, new double[rounds]));
    for (int round = 0; round < rounds; round++) {
      for (Map.Entry<String, Work> work : works.entrySet()) {
        int times = repetitions.getOrDefault(work.getKey(), 1);
        times(work.getKey())[round] = time(work.getValue(), times);
      }
    }
    return this;
  }

  private static int repetitions(double seconds) {
    return (int) Math.min(100_000, Math.max(1, Math.ceil(LEAST_SECONDS / seconds)));
  }

  /** Seconds of one run. */
  private double time(Work work, int times) throws Exception {
    long start = nanoTime.getAsLong();
    for (int i = 0; i < times; i++) {
      work.run();
    }
    return (nanoTime.getAsLong() - start) / 1e9 / times;
  }

  private double[] times(String name) {
    double[] times = seconds.get(name);
    if (times == null) {
      throw new IllegalArgumentException("nothing is called " + name);
    }
    return times;
  }

  /** Median seconds of a piece of work. */
  double median(String name) {
    return median(times(name));
  }

  /** One piece of work over another, round by round. */
  Ratio ratio(String name, String floor) {
    double[] ours = times(name);
    double[] theirs = times(floor);
    double[] ratios = new double[ours.length];
    Arrays.setAll(ratios, i -> ours[i] / theirs[i]);
    return new Ratio(
        median(ratios),
        Arrays.stream(ratios).min().orElse(Double.NaN),
        Arrays.stream(ratios).max().orElse(Double.NaN));
  }

  /** The middle value, or the mean of the two in the middle. */
  static double median(double... values) {
    return quantile(0.5, values);
  }

  /** A quantile, interpolated between the order statistics. */
  static double quantile(double share, double... values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    double at = share * (sorted.length - 1);
    int below = (int) at;
    int above = Math.min(sorted.length - 1, below + 1);
    return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
  }
}
