package io.fisherwatch.bench;

import io.fisherwatch.safetensors.Dtype;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.SafetensorsException;
import io.fisherwatch.safetensors.SafetensorsReader;
import io.fisherwatch.safetensors.SafetensorsWriter;
import java.nio.ByteBuffer;
import java.util.LinkedHashMap;
import java.util.Map;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Setup;

/** A file of 100 tensors of 1,000 numbers, read from memory. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
public class SafetensorsBenchmark {

  private static final int NUMBERS = 1000;

  private byte[] file = new byte[0];

  /** Writes it. */
  @Setup
  public void fill() {
    Map<String, HostTensor> tensors = new LinkedHashMap<>();
    for (int i = 0; i < 100; i++) {
      ByteBuffer data = ByteBuffer.allocate(NUMBERS * Float.BYTES);
      tensors.put("layer." + i + ".weight", HostTensor.of(Dtype.F32, new long[] {NUMBERS}, data));
    }
    file = SafetensorsWriter.encode(tensors);
  }

  /** All of it. */
  @Benchmark
  public Map<String, HostTensor> decode() throws SafetensorsException {
    return SafetensorsReader.decode(file, "benchmark");
  }
}
