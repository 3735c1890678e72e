package io.fisherwatch.monitor;

import io.fisherwatch.estimate.Accumulator;
import io.fisherwatch.safetensors.Dtype;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.SafetensorsReader;
import java.io.IOException;
import java.nio.DoubleBuffer;
import java.nio.charset.StandardCharsets;

/** Reads what a {@link StateSheet} holds. A tensor of another type or shape is an IOException. */
final class StateReading {

  private final SafetensorsReader file;
  private final String prefix;

  StateReading(SafetensorsReader file, String prefix) {
    this.file = file;
    this.prefix = prefix;
  }

  SafetensorsReader file() {
    return file;
  }

  boolean has(String name) {
    return file.find(prefix + name).isPresent();
  }

  void accumulators(String name, Accumulator... rows) throws IOException {
    int width = rows.length == 0 ? 0 : rows[0].size();
    HostTensor tensor = tensor(name, Dtype.F64, rows.length * (long) width);
    DoubleBuffer doubles = tensor.data().asDoubleBuffer();
    for (Accumulator row : rows) {
      row.restore(doubles);
    }
  }

  double[] doubles(String name, long count) throws IOException {
    return tensor(name, Dtype.F64, count).toDoubles();
  }

  long[] longs(String name, long count) throws IOException {
    return tensor(name, Dtype.I64, count).toLongs();
  }

  /** As many as there are. */
  long[] longs(String name) throws IOException {
    return longs(name, -1);
  }

  String text(String name) throws IOException {
    HostTensor tensor = tensor(name, Dtype.U8, -1);
    return StandardCharsets.UTF_8.decode(tensor.data()).toString();
  }

  private HostTensor tensor(String name, Dtype dtype, long elements) throws IOException {
    HostTensor tensor = file.read(prefix + name);
    if (tensor.dtype() != dtype || (elements >= 0 && tensor.elements() != elements)) {
      throw new IOException(prefix + name + " is " + tensor + ", not " + elements + " of " + dtype);
    }
    return tensor;
  }
}
