package io.fisherwatch.cli;

import io.fisherwatch.demo.Digits;
import io.fisherwatch.djl.TorchRuntime;
import io.fisherwatch.djl.TorchTrainer;
import io.fisherwatch.likelihood.Distribution;
import io.fisherwatch.likelihood.Likelihood;
import io.fisherwatch.likelihood.Probe;
import io.fisherwatch.monitor.Batch;
import io.fisherwatch.monitor.Budget;
import io.fisherwatch.monitor.EstimatorKind;
import io.fisherwatch.monitor.EstimatorSettings;
import io.fisherwatch.monitor.FixedEstimate;
import io.fisherwatch.monitor.LayerMap;
import io.fisherwatch.monitor.Progress;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.runtime.OutputSelector;
import io.fisherwatch.safetensors.Dtype;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.SafetensorsReader;
import io.fisherwatch.snapshot.Estimate;
import io.fisherwatch.snapshot.Figures;
import io.fisherwatch.snapshot.LayerFigures;
import io.fisherwatch.snapshot.TraceFigure;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeMap;

/** The networks of the study, and what estimators make of them. */
final class Study implements AutoCloseable {

  private static final int EXAMPLES = 48;
  private static final int STEPS = 600;
  private static final int TRAINING_BATCH = 64;
  private static final double RATE = 3e-3;
  private static final long TRAINING_SEED = 1;

  /** Relative errors of traces that float32 gradients leave where nothing is random. */
  private static final double ROUNDING = 1e-7;

  private final TorchRuntime runtime;
  private final Digits digits;
  private final Path scratch;

  Study(TorchRuntime runtime, Path scratch) throws IOException {
    this.runtime = runtime;
    this.digits = Digits.load();
    this.scratch = scratch;
  }

  /** An estimator in a table, with the passes over the batch that it makes for F. */
  record Entry(
      String name,
      int passes,
      EstimatorKind kind,
      int rank,
      int probes,
      int microBatch,
      Distribution distribution) {

    EstimatorSettings settings(long seed) {
      return new EstimatorSettings(
          kind,
          OptionalInt.of(rank),
          OptionalInt.of(probes),
          OptionalInt.of(microBatch),
          distribution,
          seed,
          EnumSet.of(Estimate.FISHER),
          Budget.NONE);
    }
  }

  /**
   * How an estimator did over many seeds.
   *
   * @param bias mean relative error of the trace of F
   * @param z the same in its standard errors; NaN where nothing is random
   * @param variation coefficient of variation of the trace
   * @param traceError root mean square relative error of the trace of F
   * @param diagonalError mean absolute error of the diagonal, summed, over the trace; NaN where no
   *     diagonal is kept
   * @param seconds median time of one estimate on one core, for all matrices that it gives
   */
  record Score(
      double bias,
      double z,
      double variation,
      double traceError,
      double diagonalError,
      double seconds) {}

  /** A network at one stage with what is exactly so. */
  record Subject(
      String name, int classes, boolean trained, Path graph, Optional<Path> weights, Batch batch) {

    /** Its name in a table. */
    String title() {
      return name + (trained ? ", trained" : ", untrained");
    }
  }

  /** An estimate's figures and its diagonal of F. */
  record Made(Figures figures, Map<String, HostTensor> diagonal, double seconds) {}

  /** A network as it is before training. */
  Subject untrained(String name, int classes) throws IOException {
    Path graph = scratch.resolve(name + ".pt");
    try (InputStream in = Study.class.getResourceAsStream("study/" + name + ".pt")) {
      if (in == null) {
        throw new IllegalStateException("study/" + name + ".pt is missing from the jar");
      }
      Files.copy(in, graph, StandardCopyOption.REPLACE_EXISTING);
    }
    int[] test = Arrays.copyOf(digits.test(), EXAMPLES);
    Batch batch =
        new Batch(
            List.of(digits.pixels(test)), Optional.of(labels(classes, test)), Optional.empty());
    return new Subject(name, classes, false, graph, Optional.empty(), batch);
  }

  /** The same network after training, with a fixed seed. */
  Subject trained(Subject subject) throws IOException, ModelException {
    Path weights = scratch.resolve(subject.name() + ".safetensors");
    int[] train = digits.train();
    try (TorchTrainer trainer = TorchTrainer.load(runtime, subject.graph())) {
      for (int step = 0; step < STEPS; step++) {
        Probe draw = Probe.of(Distribution.RADEMACHER, TRAINING_SEED, step);
        int[] rows = new int[TRAINING_BATCH];
        Arrays.setAll(rows, any -> train[(int) (draw.uniform() * train.length)]);
        trainer.step(List.of(digits.pixels(rows)), labels(subject.classes(), rows), RATE);
      }
      try (OutputStream out = Files.newOutputStream(weights)) {
        trainer.writeWeights(out);
      }
    }
    return new Subject(
        subject.name(),
        subject.classes(),
        true,
        subject.graph(),
        Optional.of(weights),
        subject.batch());
  }

  /** Digits modulo a few classes; of a thousand classes, a hundred to each digit. */
  private HostTensor labels(int classes, int... rows) {
    ByteBuffer data = ByteBuffer.allocate(rows.length * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (int row : rows) {
      int digit = digits.label(row);
      data.putLong(classes > 10 ? digit * (classes / 10) + row % (classes / 10) : digit % classes);
    }
    return HostTensor.of(Dtype.I64, new long[] {rows.length}, data.flip());
  }

  /** Loads a subject's model. */
  Model load(Subject subject) throws ModelException {
    Model model = runtime.load(subject.graph(), OutputSelector.FIRST);
    if (subject.weights().isPresent()) {
      model.replaceWeights(subject.weights().get(), Optional.empty());
    }
    return model;
  }

  /**
   * Makes one estimate. Its time is what this thread has worked until the last example was done:
   * the plain probes that follow for the spectrum are no part of the estimator.
   */
  Made estimate(Model model, Subject subject, EstimatorSettings settings)
      throws IOException, ModelException {
    ThreadMXBean thread = ManagementFactory.getThreadMXBean();
    long start = thread.getCurrentThreadCpuTime();
    long[] end = new long[1];
    Progress progress = (done, all) -> end[0] = thread.getCurrentThreadCpuTime();
    LayerMap layers = LayerMap.of(model.parameters(), List.of());
    try (FixedEstimate estimate =
        new FixedEstimate(model, Likelihood.categorical(), layers, settings, progress)) {
      estimate.add(subject.batch());
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      estimate.writeDiagonals(out);
      return new Made(
          estimate.figures(),
          SafetensorsReader.decode(out.toByteArray(), "diagonals"),
          (end[0] - start) / 1e9);
    }
  }

  /** Compares an estimator with what is exact, over many seeds. */
  Score score(Model model, Subject subject, Made exact, Entry entry, int seeds)
      throws IOException, ModelException {
    return score(exact, estimates(model, subject, entry, seeds), Estimate.FISHER);
  }

  /** An estimator's estimates, one for each seed. */
  List<Made> estimates(Model model, Subject subject, Entry entry, int seeds)
      throws IOException, ModelException {
    List<Made> estimates = new ArrayList<>();
    for (int seed = 0; seed < seeds; seed++) {
      estimates.add(estimate(model, subject, entry.settings(seed)));
    }
    return estimates;
  }

  /** Compares estimates with the exact F, as if they were estimates of it. */
  Score score(Made exact, List<Made> estimates, Estimate asFisher) {
    double trace = trace(exact);
    int seeds = estimates.size();
    double[] seconds = estimates.stream().mapToDouble(Made::seconds).sorted().toArray();
    double sum = 0;
    double squares = 0;
    double diagonal = 0;
    for (Made made : estimates) {
      double error = (trace(made.figures().total(), asFisher) - trace) / trace;
      sum += error;
      squares += error * error;
      diagonal +=
          asFisher == Estimate.FISHER
              ? distance(made.diagonal(), exact.diagonal()) / trace
              : Double.NaN;
    }
    double mean = sum / seeds;
    double variance = Math.max(0, squares - seeds * mean * mean) / (seeds - 1);
    double error = Math.sqrt(variance / seeds);
    return new Score(
        mean,
        error > ROUNDING ? mean / error : Double.NaN,
        error > ROUNDING ? Math.sqrt(variance) / (1 + mean) : 0,
        Math.sqrt(squares / seeds),
        diagonal / seeds,
        seconds[seeds / 2]);
  }

  static double trace(Made made) {
    return trace(made.figures().total(), Estimate.FISHER);
  }

  static double trace(LayerFigures layer, Estimate estimate) {
    TraceFigure figure = layer.traces().get(estimate);
    if (figure == null) {
      throw new IllegalStateException(estimate.label() + " of " + layer.layer() + " is missing");
    }
    return figure.trace().value();
  }

  private static double distance(Map<String, HostTensor> a, Map<String, HostTensor> b) {
    double sum = 0;
    for (Map.Entry<String, HostTensor> entry : new TreeMap<>(a).entrySet()) {
      double[] ours = entry.getValue().toDoubles();
      HostTensor other = b.get(entry.getKey());
      if (other == null) {
        throw new IllegalStateException(entry.getKey() + " has no exact diagonal");
      }
      double[] theirs = other.toDoubles();
      for (int i = 0; i < ours.length; i++) {
        sum += Math.abs(ours[i] - theirs[i]);
      }
    }
    return sum;
  }

  @Override
  public void close() throws IOException {
    try (var files = Files.list(scratch)) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
    }
    Files.delete(scratch);
  }
}
