package io.fisherwatch.bench;

import io.fisherwatch.prometheus.FisherCollector;
import io.fisherwatch.snapshot.SnapshotBoard;
import io.prometheus.metrics.expositionformats.PrometheusTextFormatWriter;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Setup;

/** The series of a thousand layers, collected and written as text. */
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

  /** Without the text. */
  @Benchmark
  public MetricSnapshots collect() {
    return collector.collect();
  }

  /** With it. */
  @Benchmark
  public int write() throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    PrometheusTextFormatWriter.create().write(out, collector.collect());
    return out.size();
  }
}
