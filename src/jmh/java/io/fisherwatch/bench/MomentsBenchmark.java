package io.fisherwatch.bench;

import io.fisherwatch.estimate.DecayedMoments;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/** An observation added to running moments, and two of them merged. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
public class MomentsBenchmark {

  private final DecayedMoments moments = new DecayedMoments();
  private final DecayedMoments others = new DecayedMoments();
  private double next;

  /** One more. */
  @Benchmark
  public double add() {
    moments.add(next++ % 17, 64);
    return moments.mean();
  }

  /** All of the others. */
  @Benchmark
  public double merge() {
    others.add(next++ % 17, 64);
    moments.merge(others);
    return moments.mean();
  }
}
