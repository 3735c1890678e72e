package io.fisherwatch.agent;

import io.fisherwatch.safetensors.SafetensorsWriter;
import io.fisherwatch.safetensors.TensorSource;
import io.fisherwatch.snapshot.HistoryPoint;
import io.fisherwatch.state.Claim;
import io.fisherwatch.state.RunRecord;
import io.fisherwatch.state.StoredFile;
import io.fisherwatch.state.StoredRun;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A run as it was at one moment, to be written while the run goes on; or the word that it is as it
 * was written last. Close it when it is written.
 */
final class RunCapture implements AutoCloseable {

  /** What there is to write. */
  private record Content(
      RunRecord record, long checkpointStep, Residence.Saved saved, List<HistoryPoint> history) {}

  private final @Nullable StoredRun unchanged;
  private final @Nullable Content content;
  private final long version;

  private RunCapture(@Nullable StoredRun unchanged, @Nullable Content content, long version) {
    this.unchanged = unchanged;
    this.content = content;
    this.version = version;
  }

  static RunCapture unchanged(StoredRun stored) {
    return new RunCapture(stored, null, -1);
  }

  static RunCapture of(
      RunRecord record,
      long checkpointStep,
      long version,
      Residence.Saved saved,
      List<HistoryPoint> history) {
    return new RunCapture(null, new Content(record, checkpointStep, saved, history), version);
  }

  /** Whether there is anything to write. */
  boolean isChanged() {
    return content != null;
  }

  /** The frozen monitor that it was copied from, if it was. */
  Optional<Object> origin() {
    return content == null ? Optional.empty() : content.saved().origin();
  }

  /** The run's version at that moment. */
  long version() {
    return version;
  }

  /** Writes what has changed. */
  StoredRun writeTo(Claim claim) throws IOException {
    Content fresh = content;
    if (fresh == null) {
      return Objects.requireNonNull(unchanged);
    }
    String run = fresh.record().run();
    List<TensorSource> tensors = new ArrayList<>();
    tensors.add(fresh.record().tensor());
    tensors.addAll(fresh.saved().tensors());
    StoredFile state =
        claim.writeFile(
            "run-" + run, ".safetensors", out -> SafetensorsWriter.write(out, Map.of(), tensors));
    StoredFile history =
        claim.writeFile(
            "history-" + run, ".json", out -> RunRecord.writeHistory(fresh.history(), out));
    return new StoredRun(run, fresh.checkpointStep(), state, history);
  }

  @Override
  public void close() throws IOException {
    if (content != null) {
      content.saved().close();
    }
  }
}
