package io.fisherwatch.monitor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.fisherwatch.djl.TorchRuntime;
import io.fisherwatch.likelihood.Distribution;
import io.fisherwatch.likelihood.Likelihood;
import io.fisherwatch.runtime.BoundBatch;
import io.fisherwatch.runtime.Cotangents;
import io.fisherwatch.runtime.DiagonalArray;
import io.fisherwatch.runtime.ExamplePass;
import io.fisherwatch.runtime.ForwardPass;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.runtime.OutputSelector;
import io.fisherwatch.safetensors.Dtype;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.SafetensorsReader;
import io.fisherwatch.snapshot.Estimate;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;

/**
 * What squares of every example cost by the tapped path, in units of a plain forward and backward
 * pass of the whole batch by the same engine, each measured right before. The folder that {@code
 * src/test/python/make_distilbert.py} wrote is named by the environment variable
 * FISHERWATCH_DISTILBERT, the threads by FISHERWATCH_THREADS (1 if not); times are of the wall, or
 * of the core if there is one thread, so that others may use the machine too.
 */
class TappedCostIT {

  private static final EnumSet<Estimate> NONE = EnumSet.noneOf(Estimate.class);
  private static final EnumSet<Estimate> FISHER = EnumSet.of(Estimate.FISHER);

  private static final int THREADS =
      Integer.parseInt(System.getenv().getOrDefault("FISHERWATCH_THREADS", "1"));

  private static Path folder() {
    String named = System.getenv("FISHERWATCH_DISTILBERT");
    assumeThat(named)
        .as("FISHERWATCH_DISTILBERT names no folder made by src/test/python/make_distilbert.py")
        .isNotNull();
    return Path.of(named == null ? "" : named);
  }

  @Test
  void distilbert_sixteenSequences_costsFewPasses() throws Exception {
    Map<String, HostTensor> tensors =
        SafetensorsReader.decode(Files.readAllBytes(folder().resolve("batch.safetensors")), "");
    Batch batch =
        new Batch(
            List.of(tensors.get("input_ids"), tensors.get("attention_mask")),
            Optional.empty(),
            Optional.empty());
    try (TorchRuntime runtime = TorchRuntime.open("cpu", THREADS);
        Model model = runtime.load(folder().resolve("graph.pt"), OutputSelector.FIRST)) {
      int rounds = 5;
      pass("one pass squared, diagonal", model, batch, true, rounds);
      pass("one pass squared, traces", model, batch, false, rounds);
      assertThat(
              cost(
                  "one split pass and the upper gap's trace, diagonal",
                  model,
                  batch,
                  0,
                  FISHER,
                  rounds))
          .isLessThan(2);
      assertThat(cost("one split pass and the upper gap's, traces", model, batch, 0, NONE, rounds))
          .isLessThan(2);
      assertThat(
              cost(
                  "exact diagonal, rank 3, and the upper gap's trace",
                  model,
                  batch,
                  3,
                  FISHER,
                  rounds))
          .isLessThan(4);
    }
  }

  @Test
  void perceptron_manyExamples_costsFewPasses() throws Exception {
    ByteBuffer pixels = ByteBuffer.allocate(128 * 64 * 4).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < 128 * 64; i++) {
      pixels.putFloat(i * 37 % 101 / 100f);
    }
    HostTensor input = HostTensor.of(Dtype.F32, new long[] {128, 64}, pixels.flip());
    Batch batch = new Batch(List.of(input), Optional.empty(), Optional.empty());
    try (TorchRuntime runtime = TorchRuntime.open("cpu", THREADS);
        Model model = runtime.load(folder().resolve("perceptron.pt"), OutputSelector.FIRST)) {
      cost("warming up", model, batch, 0, FISHER, 300);
      pass("perceptron, one pass squared, diagonal", model, batch, true, 300);
      assertThat(cost("perceptron, split pass, diagonal", model, batch, 0, FISHER, 300))
          .isLessThan(15);
      cost("perceptron, split pass, traces", model, batch, 0, NONE, 300);
    }
  }

  /** The median over rounds of an estimate's time over that of a pass. */
  private static double cost(
      String what, Model model, Batch batch, int rank, EnumSet<Estimate> diagonals, int rounds)
      throws ModelException {
    EstimatorSettings settings =
        new EstimatorSettings(
            EstimatorKind.DEFLATED,
            OptionalInt.of(rank),
            OptionalInt.of(1),
            OptionalInt.of(1),
            Distribution.RADEMACHER,
            0,
            diagonals,
            Budget.NONE);
    double[] ratios = new double[rounds];
    List<Double> units = new ArrayList<>();
    try (DiagonalSums sums = new DiagonalSums(model, diagonals, false);
        Crew crew = new Crew(model)) {
      BatchEstimator estimator =
          new BatchEstimator(
              model,
              Likelihood.categorical(),
              LayerMap.of(model.parameters(), List.of()),
              settings,
              new FixedPlanning(settings, OptionalDouble.empty()),
              OptionalDouble.empty(),
              sums,
              crew,
              Progress.NONE);
      assertThat(estimator.estimate(batch, 0).plan().tapped()).isTrue();
      for (int round = 0; round < rounds; round++) {
        double before = unit(model, batch);
        double start = seconds();
        BatchEstimator.Result unused = estimator.estimate(batch, round);
        double spent = seconds() - start;
        units.add(before);
        ratios[round] = 2 * spent / (before + unit(model, batch));
      }
    }
    Arrays.sort(ratios);
    double unit = units.stream().sorted().toList().get(rounds / 2);
    System.out.printf(
        Locale.ROOT,
        "%s: %.2f units (least %.2f, most %.2f), a unit is %.3g s, %d threads%n",
        what,
        ratios[rounds / 2],
        ratios[0],
        ratios[rounds - 1],
        unit,
        THREADS);
    return ratios[rounds / 2];
  }

  /** What the engine's part costs: a pass and one pull-back of it, example by example. */
  private static void pass(String what, Model model, Batch batch, boolean squared, int rounds)
      throws ModelException {
    double[] ratios = new double[rounds];
    double[] sink = new double[rounds];
    try (DiagonalArray squares = model.newDiagonal()) {
      for (int round = 0; round < rounds; round++) {
        double before = unit(model, batch);
        double start = seconds();
        try (BoundBatch bound = model.bind(batch.inputs())) {
          assertThat(bound.squaresEach()).isTrue();
          try (ExamplePass pass = bound.forwardEach(0)) {
            sink[round] =
                pass.pullBackEach(
                        List.of(new ExamplePass.Pull(cotangents(pass), squared ? squares : null)))
                    .get(0)
                    .get(0)
                    .squaredNorm(0);
          }
        }
        double spent = seconds() - start;
        ratios[round] = 2 * spent / (before + unit(model, batch));
      }
    }
    Arrays.sort(ratios);
    assertThat(sink[0]).isPositive();
    System.out.printf(Locale.ROOT, "%s: %.2f units%n", what, ratios[rounds / 2]);
  }

  private static Cotangents cotangents(ForwardPass pass) {
    Cotangents all = new Cotangents(pass.logits());
    double[] u = new double[pass.logits().classes()];
    Arrays.setAll(u, i -> i % 2 == 0 ? 0.1 : -0.1);
    for (int row = 0; row < all.rows(); row++) {
      all.set(row, u);
    }
    return all;
  }

  private static double unit(Model model, Batch batch) throws ModelException {
    double start = seconds();
    try (BoundBatch bound = model.bind(batch.inputs());
        ForwardPass pass = bound.forward(0, bound.examples())) {
      pass.pullBack(cotangents(pass), null, null);
    }
    return seconds() - start;
  }

  private static double seconds() {
    return THREADS == 1
        ? java.lang.management.ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() / 1e9
        : System.nanoTime() / 1e9;
  }
}
