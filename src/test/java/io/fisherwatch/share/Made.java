package io.fisherwatch.share;

import io.fisherwatch.monitor.MonitorShare;
import io.fisherwatch.safetensors.Dtype;
import io.fisherwatch.safetensors.HostTensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Shares and stamps made up, of a model with one parameter of three scalars to a layer. */
final class Made {

  private Made() {}

  /** One batch of so many examples, with a trace of F of its own. */
  static MonitorShare share(List<String> layers, long examples, double trace) {
    try {
      Map<String, Map<String, HostTensor>> byLayer = new HashMap<>();
      byLayer.put("_total", layer(examples, trace));
      layers.forEach(layer -> byLayer.put(layer, layer(examples, trace)));
      return MonitorShare.of(header(layers, examples), byLayer);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static MonitorShare share(long examples, double trace) {
    return share(List.of("body", "head"), examples, trace);
  }

  /** The header; the first parameter has been reached by a gradient. */
  static Map<String, HostTensor> header(List<String> layers, long examples) {
    int count = layers.size();
    long[] each = new long[count];
    Map<String, HostTensor> header = new LinkedHashMap<>();
    header.put("parameters", texts(layers.stream().map(layer -> layer + ".weight").toList()));
    header.put("layers", texts(layers));
    Arrays.setAll(each, i -> i);
    header.put("layer-of", longs(each.clone()));
    Arrays.fill(each, 1);
    header.put("trainable", longs(each.clone()));
    header.put("ranks", longs(each.clone()));
    Arrays.fill(each, 3);
    header.put("dimensions", longs(each.clone()));
    header.put("aliases", texts(List.of("tied")));
    header.put("aliased", texts(List.of(layers.get(0) + ".weight")));
    header.put("estimator", text("deflated"));
    header.put("distribution", text("rademacher"));
    Arrays.setAll(each, i -> i == 0 && examples > 0 ? 1 : 0);
    header.put("covered", longs(each));
    header.put("non-finite", longs(new long[count + 1]));
    header.put("counts", longs(examples, examples, examples > 0 ? 2 : 0, examples > 0 ? 10 : 0));
    header.put("plan", longs(1, 2, 1, 0));
    header.put("plan-reason", text("made up"));
    header.put("plan-tapped", longs(1));
    header.put("path-reason", text(""));
    header.put("core", doubles(4, new double[16]));
    header.put("steps", doubles(1, (double) examples, (double) examples * examples, 7, 0));
    header.put("latest-probes", longs(2, 1));
    return header;
  }

  static Map<String, HostTensor> layer(long examples, double trace) {
    double[] nested = {examples, (double) examples * examples, trace, 0, 0, 0, 0, 0};
    Map<String, HostTensor> layer = new LinkedHashMap<>();
    layer.put("trace/FISHER", doubles(1, nested));
    layer.put("spectra", doubles(1, new double[19]));
    return layer;
  }

  static ShareStamp stamp(int partition, long epoch, long sequence, long ordinal) {
    return stamp(partition, epoch, sequence, ordinal, 1, false);
  }

  static ShareStamp stamp(
      int partition, long epoch, long sequence, long ordinal, int attempt, boolean ended) {
    return new ShareStamp(
        "run",
        partition,
        epoch,
        sequence,
        "agent-" + partition / 2,
        attempt,
        ordinal,
        10 * ordinal,
        10 * ordinal + 1,
        1000.5 + ordinal,
        0.5,
        ended,
        Optional.of(new DiagonalReference("file:///state/run.safetensors", 0)));
  }

  static HostTensor texts(List<String> texts) {
    StringBuilder all = new StringBuilder();
    texts.forEach(text -> all.append(text).append('\0'));
    return text(all.toString());
  }

  static HostTensor text(String text) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    return HostTensor.of(Dtype.U8, new long[] {utf8.length}, ByteBuffer.wrap(utf8));
  }

  static HostTensor longs(long... values) {
    ByteBuffer data = ByteBuffer.allocate(8 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    data.asLongBuffer().put(values);
    return HostTensor.of(Dtype.I64, new long[] {values.length}, data);
  }

  static HostTensor doubles(int rows, double... values) {
    ByteBuffer data = ByteBuffer.allocate(8 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    data.asDoubleBuffer().put(values);
    return HostTensor.of(Dtype.F64, new long[] {rows, values.length / rows}, data);
  }
}
