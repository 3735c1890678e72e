package io.fisherwatch.safetensors;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * Writes safetensors files. The same input gives the same bytes: tensors in the order given,
 * metadata sorted by key, the header padded with spaces so that the data begins at a multiple of 8.
 */
public final class SafetensorsWriter {

  private static final JsonFactory JSON = new JsonFactory();
  private static final int ALIGNMENT = 8;

  private SafetensorsWriter() {}

  /**
   * Writes a file, which is not closed.
   *
   * @throws IllegalArgumentException if a name comes twice or is the metadata's, or the header
   *     would be longer than the format allows
   * @throws IOException if writing fails, or a source writes another number of bytes than its shape
   *     needs
   */
  public static void write(
      OutputStream out, Map<String, String> metadata, List<TensorSource> tensors)
      throws IOException {
    byte[] header = header(metadata, tensors);
    int padded = (header.length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (padded > SafetensorsHeader.LONGEST) {
      throw new IllegalArgumentException(
          "the header would take "
              + padded
              + " bytes; "
              + SafetensorsHeader.LONGEST
              + " are allowed");
    }
    out.write(
        ByteBuffer.allocate(SafetensorsHeader.LENGTH_BYTES)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putLong(padded)
            .array());
    out.write(header);
    out.write(" ".repeat(padded - header.length).getBytes(StandardCharsets.US_ASCII));
    for (TensorSource tensor : tensors) {
      CountedOutput counted = new CountedOutput(out, tensor.name(), bytes(tensor));
      tensor.writeTo(counted);
      counted.checkComplete();
    }
    out.flush();
  }

  /** A whole file in memory, without metadata. */
  public static byte[] encode(Map<String, HostTensor> tensors) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try {
      write(
          out,
          Map.of(),
          tensors.entrySet().stream()
              .map(tensor -> TensorSource.of(tensor.getKey(), tensor.getValue()))
              .toList());
    } catch (IOException e) {
      throw new UncheckedIOException("writing to memory", e);
    }
    return out.toByteArray();
  }

  private static byte[] header(Map<String, String> metadata, List<TensorSource> tensors)
      throws IOException {
    ByteArrayOutputStream header = new ByteArrayOutputStream();
    Set<String> names = new HashSet<>(Set.of(SafetensorsHeader.METADATA));
    try (JsonGenerator json = JSON.createGenerator(header)) {
      json.writeStartObject();
      if (!metadata.isEmpty()) {
        json.writeObjectFieldStart(SafetensorsHeader.METADATA);
        for (Map.Entry<String, String> entry : new TreeMap<>(metadata).entrySet()) {
          json.writeStringField(entry.getKey(), entry.getValue());
        }
        json.writeEndObject();
      }
      long begin = 0;
      for (TensorSource tensor : tensors) {
        if (!names.add(tensor.name())) {
          throw new IllegalArgumentException(
              "two tensors named " + SafetensorsException.quote(tensor.name()));
        }
        long end = Math.addExact(begin, bytes(tensor));
        json.writeObjectFieldStart(tensor.name());
        json.writeStringField("dtype", tensor.dtype().name());
        writeLongs(json, "shape", tensor.shape());
        writeLongs(json, "data_offsets", new long[] {begin, end});
        json.writeEndObject();
        begin = end;
      }
      json.writeEndObject();
    }
    return header.toByteArray();
  }

  private static void writeLongs(JsonGenerator json, String name, long[] values)
      throws IOException {
    json.writeFieldName(name);
    json.writeArray(values, 0, values.length);
  }

  private static long bytes(TensorSource tensor) {
    long bytes = tensor.dtype().bytes();
    for (long size : tensor.shape()) {
      if (size < 0) {
        throw new IllegalArgumentException(
            "tensor "
                + SafetensorsException.quote(tensor.name())
                + " has a negative dimension, "
                + size);
      }
      bytes = Math.multiplyExact(bytes, size);
    }
    return bytes;
  }
}
