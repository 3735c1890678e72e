package io.fisherwatch.share;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.datatype.jdk8.Jdk8Module;
import io.fisherwatch.monitor.MonitorShare;
import io.fisherwatch.safetensors.Dtype;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.SafetensorsException;
import io.fisherwatch.safetensors.SafetensorsReader;
import io.fisherwatch.safetensors.SafetensorsWriter;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Parts as records of a topic: one for each layer and then the header, whose arrival says that all
 * of them are there. Every value is a safetensors file; a layer's has the tensor {@code version}
 * (I64, epoch and sequence), the header's the tensor {@code stamp} (U8, the {@link ShareStamp} as
 * JSON).
 */
public final class ShareCodec {

  private static final String STAMP = "stamp";
  private static final String VERSION = "version";

  /** Fifty thousand parameters with long names. */
  private static final int LARGEST_HEADER = 1 << 24;

  /** Ten times what a layer takes. */
  private static final int LARGEST_LAYER = 1 << 15;

  private static final ObjectMapper JSON =
      JsonMapper.builder()
          .addModule(new Jdk8Module())
          .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
          .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private ShareCodec() {}

  /**
   * A part as records, to be written in this order.
   *
   * @throws IllegalArgumentException if it is too large, or a layer has no name or the whole
   *     model's
   */
  public static List<ShareRecord> encode(ShareStamp stamp, MonitorShare share) {
    List<ShareRecord> records = new ArrayList<>();
    ByteBuffer version = ByteBuffer.allocate(2 * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    version.putLong(stamp.epoch()).putLong(stamp.sequence()).flip();
    HostTensor versionTensor = HostTensor.of(Dtype.I64, new long[] {2}, version);
    Set<String> names = new HashSet<>(Set.of(""));
    List<String> layers = share.layers();
    for (int slot = 0; slot < layers.size(); slot++) {
      String layer = layers.get(slot);
      if (!names.add(layer)) {
        throw new IllegalArgumentException("a layer named \"" + layer + "\" has no key of its own");
      }
      Map<String, HostTensor> tensors = new LinkedHashMap<>(Map.of(VERSION, versionTensor));
      tensors.putAll(share.layer(slot));
      records.add(encoded(new ShareKey(stamp.run(), stamp.partition(), layer), tensors));
    }
    Map<String, HostTensor> tensors = new LinkedHashMap<>(Map.of(STAMP, tensor(stamp)));
    tensors.putAll(share.header());
    records.add(encoded(new ShareKey(stamp.run(), stamp.partition(), ""), tensors));
    return records;
  }

  private static ShareRecord encoded(ShareKey key, Map<String, HostTensor> tensors) {
    byte[] value = SafetensorsWriter.encode(tensors);
    if (value.length > largest(key)) {
      throw new IllegalArgumentException(tooLarge(key, value.length));
    }
    return new ShareRecord(key.text(), value);
  }

  private static HostTensor tensor(ShareStamp stamp) {
    try {
      byte[] json = JSON.writeValueAsBytes(stamp);
      return HostTensor.of(Dtype.U8, new long[] {json.length}, ByteBuffer.wrap(json));
    } catch (JsonProcessingException e) {
      throw new UncheckedIOException("a stamp as JSON", e);
    }
  }

  /**
   * The run that a record's key names.
   *
   * @throws ShareException if it is no such key
   */
  public static String run(String key) throws ShareException {
    return ShareKey.parse(key).run();
  }

  /**
   * Whether a record is of an earlier publication than another: by (epoch, sequence).
   *
   * @throws ShareException if one of them is malformed
   */
  public static boolean isOlder(ShareRecord shared, ShareRecord other) throws ShareException {
    return decode(shared).version().compareTo(decode(other).version()) < 0;
  }

  /**
   * A record's content.
   *
   * @param stamp of a header; null of a layer
   */
  record Content(
      ShareKey key, Version version, @Nullable ShareStamp stamp, Map<String, HostTensor> tensors) {}

  static Content decode(ShareRecord shared) throws ShareException {
    ShareKey key = ShareKey.parse(shared.key());
    if (shared.value().length > largest(key)) {
      throw new ShareException(tooLarge(key, shared.value().length));
    }
    Map<String, HostTensor> tensors;
    try {
      tensors = SafetensorsReader.decode(shared.value(), ShareKey.shown(key.text()));
    } catch (SafetensorsException e) {
      throw new ShareException(String.valueOf(e.getMessage()));
    }
    if (!key.isHeader()) {
      long[] version = tensor(key, tensors, VERSION, Dtype.I64, 2).toLongs();
      return new Content(key, new Version(version[0], version[1]), null, tensors);
    }
    ShareStamp stamp = stamp(key, tensor(key, tensors, STAMP, Dtype.U8, -1));
    if (!stamp.run().equals(key.run()) || stamp.partition() != key.partition()) {
      throw new ShareException(
          "the stamp at key "
              + ShareKey.shown(key.text())
              + " is of run "
              + ShareKey.shown(stamp.run())
              + ", partition "
              + stamp.partition());
    }
    return new Content(key, stamp.version(), stamp, tensors);
  }

  private static ShareStamp stamp(ShareKey key, HostTensor tensor) throws ShareException {
    String json = StandardCharsets.UTF_8.decode(tensor.data()).toString();
    try {
      return JSON.readValue(json, ShareStamp.class);
    } catch (JsonProcessingException e) {
      throw new ShareException(
          "the stamp at key "
              + ShareKey.shown(key.text())
              + " is not what it should be: "
              + ShareKey.shown(e.getOriginalMessage()));
    }
  }

  private static HostTensor tensor(
      ShareKey key, Map<String, HostTensor> tensors, String name, Dtype dtype, int elements)
      throws ShareException {
    HostTensor tensor = tensors.get(name);
    if (tensor == null
        || tensor.dtype() != dtype
        || (elements >= 0 && tensor.elements() != elements)) {
      throw new ShareException(
          "the value at key "
              + ShareKey.shown(key.text())
              + (tensor == null ? " has no tensor " + name : " has the " + name + " " + tensor));
    }
    return tensor;
  }

  private static int largest(ShareKey key) {
    return key.isHeader() ? LARGEST_HEADER : LARGEST_LAYER;
  }

  private static String tooLarge(ShareKey key, int bytes) {
    return "the value at key "
        + ShareKey.shown(key.text())
        + " has "
        + bytes
        + " bytes, more than "
        + largest(key);
  }
}
