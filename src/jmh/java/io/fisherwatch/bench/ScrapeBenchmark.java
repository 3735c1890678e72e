package io.fisherwatch.bench;

import io.fisherwatch.prometheus.FisherCollector;
import io.fisherwatch.snapshot.SnapshotBoard;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Setup;

/** The series of a thousand layers, as text. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
public class ScrapeBenchmark {

  private final SnapshotBoard board = new SnapshotBoard(10);
  private final FisherCollector collector = new FisherCollector(board, 1_000_000);

  /** Publishes the run. */
  @Setup
  public void fill() {
    board.published(SampleRun.of(1000));
  }

  /** Into memory. */
  @Benchmark
  public int write() throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    collector.write(out, false);
    return out.size();
  }
}
