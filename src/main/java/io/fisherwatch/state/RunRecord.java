package io.fisherwatch.state;

import io.fisherwatch.safetensors.Dtype;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.SafetensorsReader;
import io.fisherwatch.safetensors.TensorSource;
import io.fisherwatch.snapshot.HistoryPoint;
import io.fisherwatch.snapshot.RunSnapshot;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * What is small of a run's state, beside what its monitor has accumulated.
 *
 * @param run its name
 * @param attempt from 1
 * @param step of its latest checkpoint event; −1 before the first
 * @param batchStep of its latest batch
 * @param checkpointTimeSeconds when the checkpoint in force was published
 * @param endedAtMillis when it ended, if it has
 * @param refused why its latest checkpoint was refused, if it was
 * @param checkpoint the checkpoint in force, as a CloudEvent in structured mode
 * @param graphDigest SHA-256 of the graph that its monitor watches
 * @param recent its latest events, source and id by turns
 * @param snapshot what was published last
 */
public record RunRecord(
    String run,
    int attempt,
    long step,
    long batchStep,
    double checkpointTimeSeconds,
    Optional<Long> endedAtMillis,
    Optional<String> refused,
    Optional<String> checkpoint,
    Optional<String> graphDigest,
    List<String> recent,
    Optional<RunSnapshot> snapshot) {

  private static final String NAME = "run.json";

  public RunRecord {
    recent = List.copyOf(recent);
  }

  /** This as a tensor of bytes. */
  public TensorSource tensor() throws IOException {
    byte[] json = StateJson.MAPPER.writeValueAsBytes(this);
    return TensorSource.of(
        NAME, HostTensor.of(Dtype.U8, new long[] {json.length}, ByteBuffer.wrap(json)));
  }

  /** Reads one. */
  public static RunRecord read(SafetensorsReader file) throws IOException {
    ByteBuffer data = file.read(NAME).data();
    byte[] json = new byte[data.remaining()];
    data.get(json);
    return StateJson.MAPPER.readValue(json, RunRecord.class);
  }

  /** Writes a history. */
  public static void writeHistory(List<HistoryPoint> history, OutputStream out) throws IOException {
    StateJson.MAPPER
        .writerFor(HistoryPoint[].class)
        .without(com.fasterxml.jackson.core.JsonGenerator.Feature.AUTO_CLOSE_TARGET)
        .writeValue(out, history.toArray(HistoryPoint[]::new));
  }

  /** Reads a history. */
  public static List<HistoryPoint> readHistory(Path file) throws IOException {
    return Arrays.asList(StateJson.MAPPER.readValue(file.toFile(), HistoryPoint[].class));
  }
}
