package io.fisherwatch.state;

import com.fasterxml.jackson.databind.JsonNode;
import io.fisherwatch.safetensors.Digests;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What one snapshot of a partition consists of: a line of JSON and a line with its SHA-256.
 *
 * @param version of the format
 * @param topic the input topic
 * @param partition the input partition
 * @param epoch the owner's
 * @param generation grows with every snapshot of the partition
 * @param offset the first event that is not in it
 * @param events ended events by {@code type/outcome}
 * @param runs the runs
 */
public record Manifest(
    int version,
    String topic,
    int partition,
    long epoch,
    long generation,
    long offset,
    Map<String, Long> events,
    List<StoredRun> runs) {

  /** The version that is written. */
  public static final int VERSION = 2;

  /** The earliest that is read; its files have a SHA-256. */
  private static final int EARLIEST = 1;

  private static final long LARGEST = 64 << 20;

  public Manifest {
    events = Map.copyOf(new TreeMap<>(events));
    runs = List.copyOf(runs);
  }

  String fileName() {
    return "snapshot-%010d.json".formatted(generation);
  }

  byte[] encode() throws IOException {
    String json = StateJson.MAPPER.writeValueAsString(this);
    String digest = Digests.sha256(json.getBytes(StandardCharsets.UTF_8));
    return (json + "\n" + digest + "\n").getBytes(StandardCharsets.UTF_8);
  }

  /**
   * Reads a manifest and verifies its digest.
   *
   * @throws IOException if it is damaged
   * @throws StateException if it is whole, but of a later version
   */
  static Manifest read(Path file) throws IOException, StateException {
    if (Files.size(file) > LARGEST) {
      throw new IOException(file + " is too large for a snapshot's list");
    }
    String text = new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
    int end = text.indexOf('\n');
    String json = end < 0 ? "" : text.substring(0, end);
    String digest = Digests.sha256(json.getBytes(StandardCharsets.UTF_8));
    if (end < 0 || !text.substring(end + 1).equals(digest + "\n")) {
      throw new IOException(file + " is damaged: its digest does not match");
    }
    JsonNode root = StateJson.MAPPER.readTree(json);
    int version = root.path("version").asInt(-1);
    if (version < EARLIEST || version > VERSION) {
      throw new StateException(
          file
              + " is state of version "
              + version
              + ", this program reads versions up to "
              + VERSION
              + ": run the program that wrote it, or move the folder away to begin anew");
    }
    return StateJson.MAPPER.treeToValue(root, Manifest.class);
  }
}
