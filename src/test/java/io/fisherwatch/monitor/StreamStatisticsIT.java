package io.fisherwatch.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import io.fisherwatch.djl.TestDevice;
import io.fisherwatch.djl.TorchRuntime;
import io.fisherwatch.likelihood.Distribution;
import io.fisherwatch.likelihood.Probe;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.snapshot.Estimate;
import io.fisherwatch.snapshot.TraceFigure;
import io.fisherwatch.snapshot.Uncertain;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Running estimates of a stream of batches, drawn with replacement from a model's examples. */
class StreamStatisticsIT {

  private static TorchRuntime runtime;

  @BeforeAll
  static void open() throws ModelException {
    runtime = TorchRuntime.open(TestDevice.NAME, 0);
  }

  @AfterAll
  static void close() {
    runtime.close();
  }

  private static Batch draw(Batch all, int examples, long seed) {
    Probe random = Probe.of(Distribution.RADEMACHER, seed);
    long rows = all.inputs().get(0).size(0);
    int[] chosen = new int[examples];
    for (int i = 0; i < examples; i++) {
      chosen[i] = (int) (random.uniform() * rows);
    }
    List<HostTensor> inputs = new ArrayList<>();
    for (HostTensor input : all.inputs()) {
      long[] shape = input.shape();
      shape[0] = examples;
      int bytes = input.rows(0, 1).data().remaining();
      ByteBuffer data = ByteBuffer.allocate(examples * bytes).order(ByteOrder.LITTLE_ENDIAN);
      for (int row : chosen) {
        data.put(input.rows(row, row + 1).data());
      }
      inputs.add(HostTensor.of(input.dtype(), shape, data.flip()));
    }
    return new Batch(inputs, Optional.empty(), Optional.empty());
  }

  private static FisherMonitor monitor(
      Model model, ModelCase modelCase, EstimatorKind kind, int cvEvery, long seed)
      throws IOException {
    EstimatorSettings settings =
        new EstimatorSettings(
            kind,
            OptionalInt.of(1),
            OptionalInt.of(kind == EstimatorKind.HUTCHINSON ? 1 : 2),
            OptionalInt.of(kind == EstimatorKind.HUTCHINSON ? EstimatorSettings.WHOLE : 1),
            Distribution.RADEMACHER,
            seed,
            EnumSet.noneOf(Estimate.class),
            Budget.NONE);
    return new FisherMonitor(
        model,
        modelCase.likelihood(),
        modelCase.layers(model),
        settings,
        new FisherMonitor.Upkeep(cvEvery, 1000, false),
        () -> 0);
  }

  private static Uncertain fisher(Map<Estimate, TraceFigure> traces) {
    return Optional.ofNullable(traces.get(Estimate.FISHER)).orElseThrow().trace();
  }

  /** One plain probe a batch of four: nearly the worst noise there is. */
  @Test
  void interval_of64Batches_coversTheTruth() throws IOException, ModelException {
    int repetitions = 150;
    ModelCase modelCase = ModelCase.of("mlp");
    try (Model model = modelCase.load(runtime)) {
      Batch all = modelCase.batch(model);
      double truth =
          fisher(
                  modelCase
                      .estimate(model, ModelCase.settings(EstimatorKind.EXACT, 0))
                      .figures()
                      .total()
                      .traces())
              .value();
      int covered = 0;
      for (int repetition = 0; repetition < repetitions; repetition++) {
        try (FisherMonitor monitor =
            monitor(model, modelCase, EstimatorKind.HUTCHINSON, 0, repetition)) {
          for (int batch = 0; batch < 64; batch++) {
            long key = 64L * repetition + batch;
            monitor.observe(draw(all, 4, key), batch, key);
          }
          Uncertain trace = fisher(monitor.figures().total().traces());
          covered +=
              trace.interval().orElseThrow().low() <= truth
                      && truth <= trace.interval().orElseThrow().high()
                  ? 1
                  : 0;
        }
      }
      double share = (double) covered / repetitions;
      double error = Math.sqrt(0.95 * 0.05 / repetitions);
      assertThat(share).isBetween(0.95 - 4 * error, 1.0);
      assertThat(share).isGreaterThan(0.92 - 2 * error);
    }
  }

  @Test
  void observe_batchesOfOneExample_arePossible() throws IOException, ModelException {
    ModelCase modelCase = ModelCase.of("mlp");
    try (Model model = modelCase.load(runtime)) {
      Batch all = modelCase.batch(model);
      for (EstimatorKind kind : List.of(EstimatorKind.HUTCHINSON, EstimatorKind.DEFLATED)) {
        try (FisherMonitor monitor = monitor(model, modelCase, kind, 1, 0)) {
          for (int batch = 0; batch < 3; batch++) {
            monitor.observe(draw(all, 1, batch), batch, batch);
          }
          assertThat(fisher(monitor.figures().total().traces()).value()).isPositive();
        }
      }
    }
  }

  /** Entry by entry, whatever the signs: 40 seeds for every rank, micro-batch and probes. */
  @Test
  void deflated_manySeeds_isOrderedWithoutException() throws IOException, ModelException {
    ModelCase modelCase = ModelCase.of("mlp");
    try (Model model = modelCase.load(runtime)) {
      for (int setting = 0; setting < 8; setting++) {
        for (int seed = 0; seed < 40; seed++) {
          EstimatorSettings settings =
              ModelCase.settings(
                  EstimatorKind.DEFLATED,
                  OptionalInt.of(1 + setting % 2),
                  OptionalInt.of(1 + setting / 4),
                  OptionalInt.of(setting / 2 % 2 == 0 ? 1 : 5),
                  seed);
          Map<String, HostTensor> diagonals = modelCase.estimate(model, settings).diagonals();
          for (String name : diagonals.keySet()) {
            if (name.startsWith("fisher/")) {
              assertOrdered(diagonals, name.substring("fisher/".length()));
            }
          }
        }
      }
    }
  }

  private static void assertOrdered(Map<String, HostTensor> diagonals, String parameter) {
    double[] lower = diagonals.get("lower/" + parameter).toDoubles();
    double[] fisher = diagonals.get("fisher/" + parameter).toDoubles();
    double[] upper = diagonals.get("upper/" + parameter).toDoubles();
    for (int i = 0; i < fisher.length; i++) {
      assertThat(lower[i] <= fisher[i] && fisher[i] <= upper[i])
          .as("%s[%d]: %s, %s, %s", parameter, i, lower[i], fisher[i], upper[i])
          .isTrue();
    }
  }
}
