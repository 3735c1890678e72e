package io.fisherwatch.agent;

import io.fisherwatch.djl.Archives;
import io.fisherwatch.safetensors.SafetensorsReader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.jspecify.annotations.Nullable;

/** Records of more than 30 kinds that no agent can process, each with the code it should get. */
final class MalformedEvents {

  /** A record's parts, of which any may be wrong. */
  private static final class Parts {
    byte @Nullable [] key = bytes("bad");
    byte @Nullable [] value;
    final Map<String, String> headers = new LinkedHashMap<>();

    Parts(String type, byte[] value) {
      this.value = value;
      headers.put("ce_specversion", "1.0");
      headers.put("ce_type", "io.fisherwatch." + type + ".v1");
      headers.put("ce_source", "urn:test");
      headers.put("ce_subject", "bad");
      headers.put("content-type", "application/json");
    }

    Parts with(String header, @Nullable String text) {
      headers.remove(header);
      if (text != null) {
        headers.put(header, text);
      }
      return this;
    }
  }

  /** A kind: its parts and the code that it should get. */
  private record Kind(String code, Parts parts) {}

  private final List<Kind> kinds = new ArrayList<>();
  private final String graph;
  private long sent;

  /**
   * @param root a folder that the agent may read, into which files are put
   */
  MalformedEvents(Path root) throws Exception {
    Path good = Files.copy(Path.of("src/test/resources/models/mlp/graph.pt"), root.resolve("g.pt"));
    graph = file(good, SafetensorsReader.sha256(good));
    envelopes();
    checkpoints(root, good);
    batches(root);
  }

  int kinds() {
    return kinds.size();
  }

  String code(int kind) {
    return kinds.get(kind).code();
  }

  ProducerRecord<byte[], byte[]> record(String topic, int kind) {
    Parts parts = kinds.get(kind).parts();
    ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(topic, parts.key, parts.value);
    parts.headers.forEach((name, text) -> record.headers().add(name, bytes(text)));
    record.headers().add("ce_id", bytes("bad-" + sent++));
    return record;
  }

  private void envelopes() {
    Parts noValue = ended();
    noValue.value = null;
    Parts noKey = ended();
    noKey.key = null;
    Parts otherKey = ended();
    otherKey.key = bytes("other");
    Parts notUtf8 = ended();
    notUtf8.value = new byte[] {'{', '"', (byte) 0xff, '"', ':', '1', '}'};
    add("undecodable", noValue);
    add("run-mismatch", noKey);
    add("run-mismatch", otherKey);
    add("undecodable", notUtf8);
    add("undecodable", new Parts("run-ended", new byte[0]));
    add("undecodable", ended().with("ce_specversion", null));
    add("undecodable", ended().with("ce_specversion", "0.3"));
    add("undecodable", ended().with("ce_subject", null));
    add("undecodable", ended().with("ce_subject", "../../etc"));
    add("undecodable", ended().with("ce_subject", ".hidden"));
    add("undecodable", ended().with("ce_source", ":not a uri:"));
    add("undecodable", ended().with("ce_time", "yesterday"));
    add("unknown-type", ended().with("ce_type", "io.fisherwatch.other.v9"));
    add("undecodable", ended().with("content-type", "text/html"));
    add("undecodable", ended().with("content-type", "application/cloudevents+json"));
    add("undecodable", json("run-ended", "{\"run\":\"bad\",\"step\":1,\"status\":\"maybe\"}"));
    add("run-mismatch", json("run-ended", "{\"run\":\"b\",\"step\":1,\"status\":\"failed\"}"));
    add("undecodable", json("run-ended", "[".repeat(100_000)));
    add("undecodable", json("run-ended", "{\"run\":\"bad\",\"run\":\"bad\",\"step\":1}"));
    add("undecodable", json("run-ended", "{\"run\":\"bad\",\"step\":1" + "0".repeat(50) + "}"));
  }

  private void checkpoints(Path root, Path good) throws Exception {
    Path hostile = Archives.graphWith(root.resolve("h.pt"), "_9 = torch.save(x, \"/tmp/x\")");
    Path text = Files.writeString(root.resolve("t.pt"), "no archive");
    Files.createSymbolicLink(root.resolve("link.pt"), Path.of("/etc/passwd"));
    add("undecodable", checkpoint("\"graph\":3"));
    add("undecodable", checkpoint("\"graph\":{\"uri\":\"g.pt\"}"));
    add("undecodable", checkpoint(file(good, "12345")));
    add("unsupported-uri", checkpoint("\"graph\":{\"uri\":\"https://example.org/g.pt\"}"));
    add("file-outside-roots", checkpoint("\"graph\":{\"uri\":\"file:///etc/passwd\"}"));
    add("file-outside-roots", checkpoint(file(root.resolve("link.pt"), "0".repeat(64))));
    add(
        "file-outside-roots",
        checkpoint("\"graph\":{\"uri\":\"file://" + root + "/../outside.pt\"}"));
    add("file-not-found", checkpoint(file(root.resolve("none.pt"), "0".repeat(64))));
    add("digest-mismatch", checkpoint(file(good, "0".repeat(64))));
    add("bad-graph", checkpoint(file(text, SafetensorsReader.sha256(text))));
    add("untrusted-graph", checkpoint(file(hostile, SafetensorsReader.sha256(hostile))));
    add("undecodable", checkpoint(graph + ",\"inputs\":[]"));
    add("undecodable", checkpoint(graph + layer("_total", "a")));
    add("undecodable", checkpoint(graph + layer("a", "(")));
    add("undecodable", checkpoint(graph + layer("a", "((a{99}){99}){99}")));
    add("undecodable", checkpoint(graph + ",\"likelihood\":{\"kind\":\"poisson\"}"));
  }

  private void batches(Path root) {
    add("undecodable", batch("", 0).with("ce_step", "-1"));
    add("undecodable", batch("", 0).with("ce_step", null));
    add("undecodable", tensors(8L << 40, "{}", 0));
    add("undecodable", tensors(-1, "{}", 0));
    add("undecodable", batch(tensor("[2]", 0, 8), 4));
    add("undecodable", batch(tensor("[2]", 4, 12), 12));
    add("undecodable", batch(tensor("[4611686018427387904,4]", 0, 8), 8));
    add("undecodable", batch(tensor("[-2]", 0, 8), 8));
    add("undecodable", batch(tensor("[2]", 0, 8) + "," + tensor("[2]", 0, 8), 8));
    add("undecodable", batch("\"x\":{\"dtype\":\"F4\",\"shape\":[],\"data_offsets\":[0,0]}", 0));
    add("empty-batch", batch("", 0));
    add("checkpoint-unavailable", batch(tensor("[2]", 0, 8), 8));
    add(
        "checkpoint-unavailable",
        json("batch", "{\"uri\":\"file:///etc/passwd\"}").with("ce_step", "1"));
    add(
        "undecodable",
        json("batch", "{\"uri\":\"" + root.toUri() + "\\u0000\"}").with("ce_step", "1"));
  }

  private void add(String code, Parts parts) {
    kinds.add(new Kind(code, parts));
  }

  private static Parts ended() {
    return json("run-ended", "{\"run\":\"bad\",\"step\":1,\"status\":\"failed\"}");
  }

  private static Parts json(String type, String body) {
    return new Parts(type, bytes(body));
  }

  private static Parts checkpoint(String fields) {
    String inputs = fields.contains("\"inputs\"") ? "" : ",\"inputs\":[\"x\"]";
    return json("checkpoint", "{\"run\":\"bad\",\"step\":1," + fields + inputs + "}");
  }

  private static String file(Path file, String sha256) {
    return "\"graph\":{\"uri\":\"" + file.toUri() + "\",\"sha256\":\"" + sha256 + "\"}";
  }

  private static String layer(String name, String match) {
    return ",\"layers\":[{\"name\":\"" + name + "\",\"match\":\"" + match + "\"}]";
  }

  private static String tensor(String shape, long begin, long end) {
    return "\"x\":{\"dtype\":\"F32\",\"shape\":%s,\"data_offsets\":[%d,%d]}"
        .formatted(shape, begin, end);
  }

  private static Parts batch(String tensors, int data) {
    String header = "{" + tensors + "}";
    return tensors(header.length(), header, data);
  }

  private static Parts tensors(long declared, String header, int data) {
    ByteBuffer body =
        ByteBuffer.allocate(8 + header.length() + data).order(ByteOrder.LITTLE_ENDIAN);
    body.putLong(declared).put(bytes(header));
    return new Parts("batch", body.array())
        .with("content-type", "application/vnd.safetensors")
        .with("ce_step", "1");
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
