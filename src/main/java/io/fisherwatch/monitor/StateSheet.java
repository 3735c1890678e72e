package io.fisherwatch.monitor;

import io.fisherwatch.estimate.Accumulator;
import io.fisherwatch.safetensors.Dtype;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.TensorSource;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.DoubleBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What is small of a state, as named tensors: F64 for numbers, I64 for counts, U8 for text. */
final class StateSheet {

  /** Ends a text of a list. */
  static final char END = '\0';

  private final String prefix;
  private final Map<String, HostTensor> tensors = new LinkedHashMap<>();

  /**
   * @param prefix of every name
   */
  StateSheet(String prefix) {
    this.prefix = prefix;
  }

  /** Writes accumulators of one kind, a row each. */
  void accumulators(String name, Accumulator... rows) {
    int width = rows.length == 0 ? 0 : rows[0].size();
    ByteBuffer data = bytes(rows.length * width * Double.BYTES);
    DoubleBuffer doubles = data.asDoubleBuffer();
    for (Accumulator row : rows) {
      row.save(doubles);
    }
    add(name, Dtype.F64, data, rows.length, width);
  }

  void doubles(String name, double... values) {
    ByteBuffer data = bytes(values.length * Double.BYTES);
    data.asDoubleBuffer().put(values);
    add(name, Dtype.F64, data, values.length);
  }

  void longs(String name, long... values) {
    ByteBuffer data = bytes(values.length * Long.BYTES);
    data.asLongBuffer().put(values);
    add(name, Dtype.I64, data, values.length);
  }

  void text(String name, String text) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    add(name, Dtype.U8, ByteBuffer.wrap(utf8), utf8.length);
  }

  /**
   * Writes a list of texts, each ended by a zero byte.
   *
   * @throws IllegalArgumentException if one has a zero byte in it
   */
  void texts(String name, List<String> texts) {
    StringBuilder all = new StringBuilder();
    for (String text : texts) {
      if (text.indexOf(END) >= 0) {
        throw new IllegalArgumentException("a name of " + name + " has a zero byte in it");
      }
      all.append(text).append(END);
    }
    text(name, all.toString());
  }

  List<TensorSource> tensors() {
    return tensors.entrySet().stream()
        .map(tensor -> TensorSource.of(tensor.getKey(), tensor.getValue()))
        .toList();
  }

  /** The same by name, in the order of writing. */
  Map<String, HostTensor> byName() {
    return Collections.unmodifiableMap(tensors);
  }

  private void add(String name, Dtype dtype, ByteBuffer data, long... shape) {
    tensors.put(prefix + name, HostTensor.of(dtype, shape, data));
  }

  private static ByteBuffer bytes(int count) {
    return ByteBuffer.allocate(count).order(ByteOrder.LITTLE_ENDIAN);
  }
}
