package io.fisherwatch.monitor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.fisherwatch.djl.TestDevice;
import io.fisherwatch.djl.TorchRuntime;
import io.fisherwatch.likelihood.Distribution;
import io.fisherwatch.likelihood.Likelihood;
import io.fisherwatch.runtime.BoundBatch;
import io.fisherwatch.runtime.Cotangents;
import io.fisherwatch.runtime.ForwardPass;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.runtime.OutputSelector;
import io.fisherwatch.runtime.Parameter;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.SafetensorsReader;
import io.fisherwatch.safetensors.TensorInfo;
import io.fisherwatch.snapshot.Estimate;
import io.fisherwatch.snapshot.Uncertain;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * What estimates of a DistilBERT cost. The folder that {@code src/test/python/make_distilbert.py}
 * wrote is named by the environment variable FISHERWATCH_DISTILBERT; without it nothing is
 * measured.
 *
 * <p>Work is counted in seconds of one core, in units of one whole-batch forward and backward pass
 * of the same engine that is measured before and after, so that others may use the machine too.
 */
class DistilbertIT {

  private static final int ROUNDS = 3;
  private static final EnumSet<Estimate> NO_DIAGONAL = EnumSet.noneOf(Estimate.class);
  private static final EnumSet<Estimate> FISHER = EnumSet.of(Estimate.FISHER);

  private static Path folder = Path.of("");

  @BeforeAll
  static void findModel() {
    String named = System.getenv("FISHERWATCH_DISTILBERT");
    assumeThat(named)
        .as("FISHERWATCH_DISTILBERT names no folder made by src/test/python/make_distilbert.py")
        .isNotNull();
    folder = Path.of(named == null ? "" : named);
  }

  /** Without labels: a batch that has them gets the empirical matrix too, for a pass more. */
  @Test
  void estimates_costFewPasses() throws Exception {
    try (TorchRuntime runtime = TorchRuntime.open(TestDevice.NAME, 1);
        Model model = runtime.load(folder.resolve("graph.pt"), OutputSelector.FIRST)) {
      Batch batch = batch(model, 16);
      unit(model, batch);
      double[] exact = new double[ROUNDS];
      double[] probed = new double[ROUNDS];
      for (int round = 0; round < ROUNDS; round++) {
        exact[round] = cost("exact diagonal and trace", model, batch, settings(3, 1, FISHER));
        probed[round] = cost("two split probes", model, batch, settings(0, 2, NO_DIAGONAL));
      }
      Arrays.sort(exact);
      Arrays.sort(probed);
      System.out.printf(
          Locale.ROOT,
          "medians: exact %.2f, two probes %.2f%n",
          exact[ROUNDS / 2],
          probed[ROUNDS / 2]);
      assertThat(exact[ROUNDS / 2]).isLessThan(5.5);
      assertThat(probed[ROUNDS / 2]).isLessThan(4);
      Uncertain trace = trace(model, batch, settings(0, 2, NO_DIAGONAL));
      assertThat(trace.standardError().orElseThrow() / trace.value()).isLessThan(0.05);
    }
  }

  /** Against what docs/memory.md states: arrays as large as the model, and gradients in flight. */
  @Test
  void estimates_needFewArrays() throws Exception {
    try (TorchRuntime runtime = TorchRuntime.open(TestDevice.NAME, 1);
        Model model = runtime.load(folder.resolve("graph.pt"), OutputSelector.FIRST)) {
      Batch batch = batch(model, 2);
      LayerMap layers = LayerMap.of(model.parameters(), List.of());
      double array = 4e-6 * model.parameters().stream().mapToLong(Parameter::elements).sum();
      double idle = megabytes("VmRSS");
      double estimate = peak("estimate", idle, () -> trace(model, batch, settings(3, 1, FISHER)));
      assertThat(estimate).isLessThan(1.1 * (array + 2 * array));
      double agent =
          peak(
              "agent",
              idle,
              () -> {
                try (FisherMonitor monitor =
                    new FisherMonitor(
                        model,
                        Likelihood.categorical(),
                        layers,
                        settings(1, 2, FISHER),
                        new FisherMonitor.Upkeep(1, 1, false),
                        () -> 0)) {
                  monitor.observe(batch, 0, 0);
                  monitor.observe(batch, 1, 1);
                }
              });
      double machine = 250; // the virtual machine's heap and code, which are no part of the model
      assertThat(agent).isLessThan(1.1 * (3 * array + 2 * array) + machine);
    }
  }

  /** Something that fails as models do. */
  private interface Work {
    void run() throws ModelException;
  }

  /** Peak of the resident memory, in megabytes more than when the model was idle. */
  private static double peak(String what, double idle, Work work) throws Exception {
    Files.writeString(Path.of("/proc/self/clear_refs"), "5"); // resets the peak
    work.run();
    double peak = megabytes("VmHWM") - idle;
    System.out.printf(Locale.ROOT, "%s: %.0f MB more than the idle model%n", what, peak);
    return peak;
  }

  private static double megabytes(String field) throws IOException {
    return Files.readAllLines(Path.of("/proc/self/status")).stream()
        .filter(line -> line.startsWith(field + ":"))
        .mapToDouble(line -> Double.parseDouble(line.replaceAll("[^0-9]", "")) * 1024 / 1e6)
        .findFirst()
        .orElseThrow();
  }

  private static double seconds() {
    return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() / 1e9;
  }

  private static double cost(String what, Model model, Batch batch, EstimatorSettings settings)
      throws ModelException {
    double before = unit(model, batch);
    double start = seconds();
    Uncertain trace = trace(model, batch, settings);
    double spent = seconds() - start;
    double after = unit(model, batch);
    double units = 2 * spent / (before + after);
    System.out.printf(
        Locale.ROOT,
        "%s: %.2f units (%.2f s of one core), tr F %.5g ± %.2g%n",
        what,
        units,
        spent,
        trace.value(),
        trace.standardError().orElse(Double.NaN));
    return units;
  }

  private static double unit(Model model, Batch batch) throws ModelException {
    double start = seconds();
    try (BoundBatch bound = model.bind(batch.inputs());
        ForwardPass pass = bound.forward(0, bound.examples())) {
      Cotangents all = new Cotangents(pass.logits());
      double[] u = {0.1, -0.2, 0.3, -0.2};
      for (int row = 0; row < all.rows(); row++) {
        all.set(row, u);
      }
      pass.pullBack(all, null, null);
    }
    return seconds() - start;
  }

  private static Uncertain trace(Model model, Batch batch, EstimatorSettings settings)
      throws ModelException {
    LayerMap layers = LayerMap.of(model.parameters(), List.of());
    try (FixedEstimate estimate =
        new FixedEstimate(model, Likelihood.categorical(), layers, settings, Progress.NONE)) {
      estimate.add(batch);
      return Optional.ofNullable(estimate.figures().total().traces().get(Estimate.FISHER))
          .orElseThrow()
          .trace();
    }
  }

  private static EstimatorSettings settings(int rank, int probes, EnumSet<Estimate> diagonals) {
    return new EstimatorSettings(
        EstimatorKind.DEFLATED,
        OptionalInt.of(rank),
        OptionalInt.of(probes),
        OptionalInt.of(1),
        Distribution.RADEMACHER,
        0,
        diagonals,
        Budget.NONE);
  }

  private static Batch batch(Model model, int examples) throws IOException {
    Map<String, HostTensor> tensors = new TreeMap<>();
    try (SafetensorsReader reader = SafetensorsReader.open(folder.resolve("batch.safetensors"))) {
      for (TensorInfo tensor : reader.tensors()) {
        tensors.put(tensor.name(), reader.read(tensor.name()).rows(0, examples));
      }
    }
    Batch labelled = BatchInputs.select(tensors, List.of(), Optional.empty(), model.inputNames());
    return new Batch(labelled.inputs(), Optional.empty(), Optional.empty());
  }
}
