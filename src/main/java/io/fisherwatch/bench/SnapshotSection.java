package io.fisherwatch.bench;

import io.fisherwatch.monitor.FisherMonitor;
import io.fisherwatch.monitor.SavedMonitor;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.safetensors.SafetensorsWriter;
import io.fisherwatch.state.Claim;
import io.fisherwatch.state.StateStore;
import io.fisherwatch.state.StoredFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A snapshot of a large state: how long handling stalls, and how fast it is written. */
final class SnapshotSection implements Section {

  private static final int CHUNK = 1 << 20;

  private final Saving saving = new Saving();

  /** The state between its copy and its end. */
  private static final class Saving {
    private @Nullable SavedMonitor saved;
    private @Nullable StoredFile stored;

    SavedMonitor saved() {
      SavedMonitor current = saved;
      if (current == null) {
        throw new IllegalStateException("nothing is saved");
      }
      return current;
    }

    StoredFile stored() {
      StoredFile current = stored;
      if (current == null) {
        throw new IllegalStateException("nothing is stored");
      }
      return current;
    }

    void forget() {
      SavedMonitor current = saved;
      if (current != null) {
        current.close();
        saved = null;
      }
    }
  }

  @Override
  public String name() {
    return "snapshot";
  }

  @Override
  public void run(Bench.Site site, Report.Part part) throws Exception {
    Workloads.Workload large = site.workloads().large();
    Path store = Files.createDirectories(site.folder().resolve("state"));
    Claim claim = new StateStore(store, "bench").claim("bench", 0);
    try (Model model = site.workloads().load(large);
        FisherMonitor monitor = Estimates.monitor(model, Estimates.onePass(true))) {
      monitor.observe(large.batch(), 0, 0);
      Rounds timed =
          site.rounds()
              .add("stall", () -> copy(monitor))
              .add("write", () -> write(claim))
              .add("plain copy", () -> copyPlainly(claim))
              .run(site.preset().pick(1, 3, 7));
      saving.forget();
      report(part, large.name(), timed);
    }
  }

  private void copy(FisherMonitor monitor) {
    saving.forget();
    saving.saved = monitor.save(true);
  }

  private void write(Claim claim) throws IOException {
    SavedMonitor saved = saving.saved();
    StoredFile before = saving.stored;
    saving.stored =
        claim.writeFile(
            "run-bench",
            ".safetensors",
            out -> SafetensorsWriter.write(out, Map.of(), saved.tensors()));
    if (before != null && !before.name().equals(saving.stored().name())) {
      Files.deleteIfExists(claim.folder().resolve(before.name()));
    }
  }

  /** The same bytes from the page cache into another file, made durable. */
  private void copyPlainly(Claim claim) throws IOException {
    Path from = claim.folder().resolve(saving.stored().name());
    Path to = claim.folder().resolve("copy");
    ByteBuffer buffer = ByteBuffer.allocateDirect(CHUNK);
    try (FileChannel in = FileChannel.open(from, StandardOpenOption.READ);
        FileChannel out =
            FileChannel.open(to, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      while (in.read(buffer) >= 0) {
        buffer.flip();
        while (buffer.hasRemaining()) {
          out.write(buffer);
        }
        buffer.clear();
      }
      out.force(true);
    }
    Files.delete(to);
  }

  private void report(Report.Part part, String model, Rounds timed) {
    double bytes = saving.stored().bytes();
    Rounds.Ratio speed = timed.ratio("plain copy", "write");
    part.add(
        new Table(
                "state of",
                "size",
                "handling stalls",
                "write, with its digest",
                "plain copy",
                "speed over the plain copy's")
            .row(
                model,
                Numbers.megabytes(bytes),
                Numbers.seconds(timed.median("stall")),
                Numbers.seconds(timed.median("write"))
                    + ", "
                    + Numbers.megabytes(bytes / timed.median("write"))
                    + "/s",
                Numbers.seconds(timed.median("plain copy"))
                    + ", "
                    + Numbers.megabytes(bytes / timed.median("plain copy"))
                    + "/s",
                speed.toString()));
    part.atMost(model + ", handling stalls", 0.5, timed.median("stall"), " s");
    part.atLeast(model + ", write over a plain copy", 0.7, speed.median(), " ×");
  }
}
