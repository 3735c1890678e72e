package io.fisherwatch.bench;

import io.fisherwatch.estimate.FloatHistogram;
import java.util.Map;
import java.util.SplittableRandom;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Setup;

/** The quantiles and the density that a layer shows, of a histogram of its diagonal. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
public class HistogramBenchmark {

  private FloatHistogram histogram = FloatHistogram.empty();

  /** A million values, spread over all bins. */
  @Setup
  public void fill() {
    SplittableRandom random = new SplittableRandom(1);
    long[] counts = new long[FloatHistogram.BINS + 1];
    for (int i = 0; i < 1_000_000; i++) {
      counts[random.nextInt(FloatHistogram.BINS)]++;
    }
    histogram = FloatHistogram.of(counts);
  }

  /** One of five. */
  @Benchmark
  public double quantile() {
    return histogram.quantile(0.9);
  }

  /** By decades. */
  @Benchmark
  public Map<String, Double> density() {
    return histogram.density();
  }
}
