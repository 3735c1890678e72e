package io.fisherwatch.monitor;

import io.fisherwatch.estimate.Accumulator;
import io.fisherwatch.safetensors.Dtype;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.SafetensorsReader;
import java.io.IOException;
import java.nio.DoubleBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/** Reads what a {@link StateSheet} holds. A tensor of another type or shape is an IOException. */
final class StateReading {

  private final Tensors source;
  private final String prefix;

  /** Where tensors come from; one that is not there is an IOException. */
  @FunctionalInterface
  private interface Tensors {
    HostTensor read(String name) throws IOException;
  }

  private final Predicate<String> present;

  private StateReading(Predicate<String> present, Tensors source, String prefix) {
    this.present = present;
    this.source = source;
    this.prefix = prefix;
  }

  StateReading(SafetensorsReader file, String prefix) {
    this(name -> file.find(name).isPresent(), file::read, prefix);
  }

  /** Reads what lies in memory. */
  StateReading(Map<String, HostTensor> tensors) {
    this(
        tensors::containsKey,
        name -> {
          HostTensor tensor = tensors.get(name);
          if (tensor == null) {
            throw new IOException("there is no tensor " + name);
          }
          return tensor;
        },
        "");
  }

  boolean has(String name) {
    return present.test(prefix + name);
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

  /** A list of texts, each ended by a zero byte. */
  List<String> texts(String name) throws IOException {
    String all = text(name);
    if (!all.isEmpty() && all.charAt(all.length() - 1) != StateSheet.END) {
      throw new IOException(prefix + name + " does not end as a list of texts does");
    }
    List<String> texts = new ArrayList<>();
    for (int from = 0; from < all.length(); ) {
      int end = all.indexOf(StateSheet.END, from);
      texts.add(all.substring(from, end));
      from = end + 1;
    }
    return texts;
  }

  private HostTensor tensor(String name, Dtype dtype, long elements) throws IOException {
    HostTensor tensor = source.read(prefix + name);
    if (tensor.dtype() != dtype || (elements >= 0 && tensor.elements() != elements)) {
      throw new IOException(prefix + name + " is " + tensor + ", not " + elements + " of " + dtype);
    }
    return tensor;
  }
}
