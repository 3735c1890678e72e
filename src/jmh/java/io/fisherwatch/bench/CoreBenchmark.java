package io.fisherwatch.bench;

import io.fisherwatch.likelihood.Core;
import io.fisherwatch.likelihood.Distribution;
import io.fisherwatch.likelihood.Likelihood;
import io.fisherwatch.likelihood.Probe;
import java.util.SplittableRandom;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/** From one row of logits to the cotangents of F: with all of the leading part split off. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
public class CoreBenchmark {

  @Param({"4", "1000", "100000"})
  private int classes;

  private double[] logits = new double[0];
  private double[] cotangent = new double[0];
  private long row;

  /** Standard normal logits. */
  @Setup
  public void fill() {
    SplittableRandom random = new SplittableRandom(1);
    logits = random.doubles(classes, -3, 3).toArray();
    cotangent = new double[classes];
  }

  /** The core, its leading part, and a probe of what remains. */
  @Benchmark
  public double[] cotangents() {
    Core core = Likelihood.categorical().core(logits);
    core.part(0, cotangent);
    core.remainder(1, Probe.of(Distribution.RADEMACHER, 1, row++), cotangent);
    return cotangent;
  }
}
