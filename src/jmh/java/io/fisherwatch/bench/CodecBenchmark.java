package io.fisherwatch.bench;

import io.fisherwatch.event.BatchEvent;
import io.fisherwatch.event.CloudEventCodec;
import io.fisherwatch.event.EventMessage;
import io.fisherwatch.event.Origin;
import io.fisherwatch.event.RejectedEventException;
import io.fisherwatch.event.TrainingEvent;
import io.fisherwatch.safetensors.Dtype;
import io.fisherwatch.safetensors.HostTensor;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.Optional;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/** A batch of 64 rows of 64 numbers as an event, written and read. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
public class CodecBenchmark {

  private static final int ROWS = 64;

  private final TrainingEvent event =
      new BatchEvent(
          "run",
          7,
          Map.of(
              "pixels",
              HostTensor.of(
                  Dtype.F32, new long[] {ROWS, ROWS}, ByteBuffer.allocate(ROWS * ROWS * 4))),
          Optional.empty(),
          new Origin("urn:bench", "1", Optional.empty()));
  private final EventMessage message = CloudEventCodec.encode(event);

  /** To a record. */
  @Benchmark
  public EventMessage encode() {
    return CloudEventCodec.encode(event);
  }

  /** From a record. */
  @Benchmark
  public TrainingEvent decode() throws RejectedEventException {
    return CloudEventCodec.decode(message);
  }
}
