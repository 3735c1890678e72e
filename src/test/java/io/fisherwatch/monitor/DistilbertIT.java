package io.fisherwatch.monitor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.fisherwatch.djl.TorchRuntime;
import io.fisherwatch.likelihood.Distribution;
import io.fisherwatch.likelihood.Likelihood;
import io.fisherwatch.runtime.BoundBatch;
import io.fisherwatch.runtime.Cotangents;
import io.fisherwatch.runtime.ForwardPass;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.runtime.OutputSelector;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.SafetensorsReader;
import io.fisherwatch.safetensors.TensorInfo;
import io.fisherwatch.snapshot.Estimate;
import io.fisherwatch.snapshot.TraceFigure;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/**
 * What estimates of a DistilBERT cost, in units of one whole-batch forward and backward pass of the
 * same engine. The folder that {@code src/test/python/make_distilbert.py} wrote is named by the
 * environment variable FISHERWATCH_DISTILBERT; without it nothing is measured. Every estimate is
 * timed in turn with the unit, and the medians of ratios count: others may use the machine.
 */
class DistilbertIT {

  private static final int ROUNDS =
      Integer.parseInt(System.getenv().getOrDefault("FISHERWATCH_ROUNDS", "5"));

  @Test
  void estimates_ofADistilbert_costFewPasses() throws Exception {
    String folder = System.getenv("FISHERWATCH_DISTILBERT");
    assumeThat(folder)
        .as("FISHERWATCH_DISTILBERT names no folder made by src/test/python/make_distilbert.py")
        .isNotNull();
    Path path = Path.of(folder == null ? "" : folder);
    try (TorchRuntime runtime = TorchRuntime.open("cpu", 1);
        Model model = runtime.load(path.resolve("graph.pt"), OutputSelector.FIRST)) {
      Batch labelled = batch(path.resolve("batch.safetensors"), model);
      Batch batch = new Batch(labelled.inputs(), Optional.empty(), Optional.empty());
      Map<String, double[]> ratios = new TreeMap<>();
      Map<String, EstimatorSettings> settings = new TreeMap<>();
      settings.put("exact diagonal, rank 3", settings(3, 1, 1, EnumSet.of(Estimate.FISHER)));
      settings.put("exact traces, rank 3", settings(3, 1, 1, EnumSet.noneOf(Estimate.class)));
      settings.put("rank 0, 2 probes", settings(0, 2, 1, EnumSet.noneOf(Estimate.class)));
      settings.keySet().forEach(name -> ratios.put(name, new double[ROUNDS]));
      unit(model, batch);
      for (int round = 0; round < ROUNDS; round++) {
        for (String name : settings.keySet()) {
          double before = unit(model, batch);
          long start = cpuNanos();
          TraceFigure fisher = fisher(model, batch, settings.get(name));
          double seconds = (cpuNanos() - start) / 1e9;
          double after = unit(model, batch);
          ratios.get(name)[round] = 2 * seconds / (before + after);
          System.out.printf(
              Locale.ROOT,
              "%s: %.2f s, units %.2f %.2f, tr F %.5g ± %.2g%n",
              name,
              seconds,
              before,
              after,
              fisher.trace().value(),
              fisher.trace().standardError().orElse(Double.NaN));
        }
      }
      ratios.forEach((name, values) -> System.out.println(name + " " + Arrays.toString(values)));
      assertThat(ratios).isNotEmpty();
    }
  }

  private static long cpuNanos() {
    return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
  }

  private static double unit(Model model, Batch batch) throws ModelException {
    long start = cpuNanos();
    try (BoundBatch bound = model.bind(batch.inputs());
        ForwardPass pass = bound.forward(0, bound.examples())) {
      Cotangents all = new Cotangents(pass.logits());
      double[] u = {0.1, -0.2, 0.3, -0.2};
      for (int row = 0; row < all.rows(); row++) {
        all.set(row, u);
      }
      pass.pullBack(all, null, null);
    }
    return (cpuNanos() - start) / 1e9;
  }

  private static TraceFigure fisher(Model model, Batch batch, EstimatorSettings settings)
      throws ModelException {
    LayerMap layers = LayerMap.of(model.parameters(), List.of());
    try (FixedEstimate estimate =
        new FixedEstimate(model, Likelihood.categorical(), layers, settings, Progress.NONE)) {
      long start = cpuNanos();
      estimate.add(batch);
      long added = cpuNanos();
      estimate.figures();
      System.out.printf(
          Locale.ROOT,
          "add %.2f figures %.2f%n",
          (added - start) / 1e9,
          (cpuNanos() - added) / 1e9);
      return estimate.figures().total().traces().get(Estimate.FISHER);
    }
  }

  private static EstimatorSettings settings(
      int rank, int probes, int microBatch, EnumSet<Estimate> diagonals) {
    return new EstimatorSettings(
        EstimatorKind.DEFLATED,
        OptionalInt.of(rank),
        OptionalInt.of(probes),
        OptionalInt.of(microBatch),
        Distribution.RADEMACHER,
        0,
        diagonals,
        new Budget(OptionalDouble.empty(), OptionalDouble.empty()));
  }

  private static Batch batch(Path file, Model model) throws IOException {
    Map<String, HostTensor> tensors = new TreeMap<>();
    try (SafetensorsReader reader = SafetensorsReader.open(file)) {
      for (TensorInfo tensor : reader.tensors()) {
        tensors.put(tensor.name(), reader.read(tensor.name()));
      }
    }
    return BatchInputs.select(tensors, List.of(), Optional.empty(), model.inputNames());
  }
}
