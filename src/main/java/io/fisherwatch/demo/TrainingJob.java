package io.fisherwatch.demo;

import io.fisherwatch.djl.TorchRuntime;
import io.fisherwatch.djl.TorchTrainer;
import io.fisherwatch.event.BatchEvent;
import io.fisherwatch.event.CheckpointEvent;
import io.fisherwatch.event.EventSink;
import io.fisherwatch.event.FileReference;
import io.fisherwatch.event.LikelihoodSpec;
import io.fisherwatch.event.LogitsSelector;
import io.fisherwatch.event.Origin;
import io.fisherwatch.event.RunEndedEvent;
import io.fisherwatch.event.TrainingEvent;
import io.fisherwatch.runtime.Logits;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.SafetensorsReader;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.function.LongSupplier;
import java.util.stream.IntStream;

/**
 * A real training job: a small network learns the digits with Adam, and publishes its checkpoints
 * and its batches like any other job would. When the agent falls behind it waits: this is a show,
 * not a race.
 */
final class TrainingJob implements AutoCloseable {

  static final String RUN = "digits";

  private static final int BATCH = 64;
  private static final double RATE = 0.01;
  private static final int CHECKPOINT_EVERY = 5;
  private static final int MOST_AHEAD = 20;
  private static final int KEPT_CHECKPOINTS = 20;

  private final TorchTrainer trainer;
  private final EventSink sink;
  private final Path folder;
  private final FileReference graph;
  private final String source = "urn:fisherwatch:demo:" + UUID.randomUUID();
  private final Digits digits;
  private final Random random = new Random(7);
  private final Scenario scenario;
  private CompletableFuture<Void> latest = CompletableFuture.completedFuture(null);
  private long published;

  /** How the training stands. */
  record Progress(long step, double loss, double trainAccuracy, double testAccuracy) {}

  TrainingJob(TorchRuntime runtime, EventSink sink, Path folder, Scenario scenario)
      throws IOException, ModelException {
    this.sink = sink;
    this.folder = folder;
    this.scenario = scenario;
    this.digits = Digits.load();
    Path file = folder.resolve("graph.pt");
    try (InputStream in = graph(scenario)) {
      Files.copy(in, file, StandardCopyOption.REPLACE_EXISTING);
    }
    this.graph = reference(file);
    this.trainer = TorchTrainer.load(runtime, file);
  }

  /** The digest of the graph, which comes with us and needs no examination. */
  static String graphSha256(Scenario scenario) throws IOException {
    try (InputStream in = graph(scenario)) {
      return SafetensorsReader.sha256(in);
    }
  }

  private static InputStream graph(Scenario scenario) {
    InputStream in = TrainingJob.class.getResourceAsStream(scenario.graph());
    if (in == null) {
      throw new IllegalStateException(scenario.graph() + " is missing from the jar");
    }
    return in;
  }

  /** Publishes the weights as they are. */
  void publishCheckpoint(long step) throws IOException {
    Path file = folder.resolve("step-" + step + ".safetensors");
    Path part = folder.resolve("step-" + step + ".part");
    try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(part))) {
      trainer.writeWeights(out);
    }
    Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
    publish(
        new CheckpointEvent(
            RUN,
            step,
            graph,
            Optional.of(reference(file)),
            List.of("pixels"),
            LogitsSelector.FIRST,
            LikelihoodSpec.CATEGORICAL,
            List.of(),
            origin()));
    long old = step - (long) KEPT_CHECKPOINTS * CHECKPOINT_EVERY;
    Files.deleteIfExists(folder.resolve("step-" + old + ".safetensors"));
  }

  /**
   * Trains one step on a fresh batch and publishes the batch.
   *
   * @return the loss before the step
   */
  double step(long step, LongSupplier handled)
      throws ModelException, InterruptedException, IOException {
    while (published - handled.getAsLong() > MOST_AHEAD) {
      Thread.sleep(20);
    }
    long since = step - Scenario.ONSET;
    int[] pool =
        IntStream.of(digits.train())
            .filter(row -> since < 0 || scenario.holds(digits.label(row)))
            .toArray();
    int[] rows = IntStream.range(0, BATCH).map(i -> oneOf(pool)).toArray();
    HostTensor pixels = digits.pixels(rows);
    double mislabelled = scenario.mislabelled(since);
    HostTensor labels =
        Digits.tensor(IntStream.of(rows).map(row -> label(row, pool, mislabelled)).toArray());
    if (step % CHECKPOINT_EVERY == 0) {
      publishCheckpoint(step);
    }
    publish(
        new BatchEvent(
            RUN, step, Map.of("pixels", pixels, "labels", labels), Optional.empty(), origin()));
    double rate = since < 0 ? RATE : scenario.rate(RATE);
    double loss = trainer.step(List.of(pixels), labels, rate);
    if (since >= 0) {
      scenario.afterStep(trainer, since);
    }
    return loss;
  }

  /** The label of an image, or of any other that it might have been. */
  private int label(int row, int[] pool, double mislabelled) {
    boolean wrong = mislabelled > 0 && random.nextDouble() < mislabelled;
    return digits.label(wrong ? oneOf(pool) : row);
  }

  private int oneOf(int[] rows) {
    return rows[random.nextInt(rows.length)];
  }

  /** Publishes the end of the run. */
  void end(long step) {
    publish(new RunEndedEvent(RUN, step, true, origin()));
    sink.flush();
    latest.join();
  }

  /** A refusal of an event shows at the next one. */
  private void publish(TrainingEvent event) {
    if (latest.isCompletedExceptionally()) {
      latest.join();
    }
    latest = sink.publish(event);
  }

  /** How many events have been published. */
  long published() {
    return published;
  }

  /** How well the model does. */
  Progress progress(long step, double loss) throws ModelException {
    return new Progress(step, loss, accuracy(digits.train()), accuracy(digits.test()));
  }

  private double accuracy(int[] rows) throws ModelException {
    Logits logits = trainer.predict(List.of(digits.pixels(rows)));
    int right = 0;
    for (int i = 0; i < rows.length; i++) {
      double[] row = logits.row(i);
      int best = 0;
      for (int c = 1; c < row.length; c++) {
        best = row[c] > row[best] ? c : best;
      }
      right += best == digits.label(rows[i]) ? 1 : 0;
    }
    return (double) right / rows.length;
  }

  private Origin origin() {
    return new Origin(source, Long.toString(++published), Optional.of(Instant.now()));
  }

  private static FileReference reference(Path file) throws IOException {
    return new FileReference(file.toUri().toString(), Optional.of(SafetensorsReader.sha256(file)));
  }

  @Override
  public void close() {
    trainer.close();
  }
}
