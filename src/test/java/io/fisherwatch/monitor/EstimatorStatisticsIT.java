package io.fisherwatch.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import io.fisherwatch.djl.TestDevice;
import io.fisherwatch.djl.TorchRuntime;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.snapshot.Bound;
import io.fisherwatch.snapshot.Estimate;
import io.fisherwatch.snapshot.LayerFigures;
import io.fisherwatch.snapshot.Uncertain;
import java.io.IOException;
import java.util.EnumMap;
import java.util.Map;
import java.util.OptionalInt;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The estimators are unbiased, and their standard errors are right: 300 seeds of 16 probes each.
 */
class EstimatorStatisticsIT {

  private static final int SEEDS = 300;
  private static final int PROBES = 16;

  private static TorchRuntime runtime;

  @BeforeAll
  static void open() throws ModelException {
    runtime = TorchRuntime.open(TestDevice.NAME, 0);
  }

  @AfterAll
  static void close() {
    runtime.close();
  }

  private static Map<Quantity, Uncertain> total(LayerFigures total) {
    Map<Quantity, Uncertain> figures = new EnumMap<>(Quantity.class);
    for (Quantity quantity : Quantity.values()) {
      quantity
          .estimate()
          .map((Estimate e) -> total.traces().get(e))
          .ifPresent(figure -> figures.put(quantity, figure.trace()));
      quantity
          .bound()
          .map((Bound b) -> total.gaps().get(b))
          .ifPresent(g -> figures.put(quantity, g));
    }
    return figures;
  }

  @ParameterizedTest
  @CsvSource({
    "HUTCHINSON, mlp, 0, 1000",
    "HUTCHINSON, mlp, 0, 2",
    "HUTCHINSON, tokens, 0, 1000",
    "MONTE_CARLO, mlp, 0, 1000",
    "DEFLATED, mlp, 0, 2",
    "DEFLATED, mlp, 1, 1",
    "DEFLATED, mlp, 2, 3",
    "DEFLATED, tokens, 1, 1",
  })
  void estimates_manySeeds_areUnbiasedWithHonestErrors(
      EstimatorKind kind, String name, int rank, int microBatch)
      throws IOException, ModelException {
    ModelCase modelCase = ModelCase.of(name);
    try (Model model = modelCase.load(runtime)) {
      Map<Quantity, Uncertain> exact =
          total(
              modelCase
                  .estimate(model, ModelCase.settings(EstimatorKind.EXACT, 0))
                  .figures()
                  .total());
      Map<Quantity, double[]> tally = new EnumMap<>(Quantity.class); // Σd, Σd², within 1, within 2
      for (int seed = 0; seed < SEEDS; seed++) {
        EstimatorSettings settings =
            ModelCase.settings(
                kind,
                OptionalInt.of(rank),
                OptionalInt.of(PROBES),
                OptionalInt.of(microBatch),
                seed);
        total(modelCase.estimate(model, settings).figures().total())
            .forEach(
                (quantity, figure) -> {
                  double d = figure.value() - exact.get(quantity).value();
                  double error = figure.standardError().orElseThrow();
                  double[] sums = tally.computeIfAbsent(quantity, q -> new double[4]);
                  sums[0] += d;
                  sums[1] += d * d;
                  sums[2] += Math.abs(d) <= error ? 1 : 0;
                  sums[3] += Math.abs(d) <= 2 * error ? 1 : 0;
                });
      }
      tally.forEach((quantity, sums) -> assertHonest(quantity, sums, exact.get(quantity).value()));
    }
  }

  private static void assertHonest(Quantity quantity, double[] sums, double exact) {
    double mean = sums[0] / SEEDS;
    double deviation = Math.sqrt(Math.max(0, sums[1] / SEEDS - mean * mean));
    if (deviation <= 1e-6 * exact) { // no randomness: what is left is the float32 of the gradients
      assertThat(Math.abs(mean)).as("%s", quantity).isLessThanOrEqualTo(1e-5 * exact);
      return;
    }
    assertThat(Math.abs(mean / (deviation / Math.sqrt(SEEDS))))
        .as("z of %s", quantity)
        .isLessThan(4);
    assertShare(quantity, sums[2] / SEEDS, 0.667); // Student's t with 15 degrees of freedom
    assertShare(quantity, sums[3] / SEEDS, 0.936);
  }

  private static void assertShare(Quantity quantity, double found, double expected) {
    double error = Math.sqrt(expected * (1 - expected) / SEEDS);
    // Squares are skewed, which moves the shares by a few per cent beside the binomial error.
    assertThat(Math.abs(found - expected))
        .as("share of %s: %s, expected %s", quantity, found, expected)
        .isLessThan(4 * error + 0.03);
  }
}
