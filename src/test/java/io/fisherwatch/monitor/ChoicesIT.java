package io.fisherwatch.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import io.fisherwatch.djl.TestDevice;
import io.fisherwatch.djl.TorchRuntime;
import io.fisherwatch.likelihood.Distribution;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.snapshot.Estimate;
import io.fisherwatch.snapshot.Figures;
import io.fisherwatch.snapshot.LayerFigures;
import io.fisherwatch.snapshot.TraceFigure;
import io.fisherwatch.snapshot.Uncertain;
import java.io.IOException;
import java.util.EnumSet;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the tool chooses itself: probes for a target, micro-batches and probes of a stream. */
class ChoicesIT {

  private static TorchRuntime runtime;

  @BeforeAll
  static void open() throws ModelException {
    runtime = TorchRuntime.open(TestDevice.NAME, 0);
  }

  @AfterAll
  static void close() {
    runtime.close();
  }

  private static EstimatorSettings settings(
      EstimatorKind kind, int rank, double target, OptionalInt microBatch, long seed) {
    OptionalDouble limit = target > 0 ? OptionalDouble.of(target) : OptionalDouble.empty();
    return new EstimatorSettings(
        kind,
        kind == EstimatorKind.DEFLATED ? OptionalInt.of(rank) : OptionalInt.empty(),
        OptionalInt.empty(),
        microBatch,
        Distribution.RADEMACHER,
        seed,
        EnumSet.of(Estimate.LOWER, Estimate.FISHER, Estimate.UPPER),
        new Budget(limit, OptionalDouble.empty()));
  }

  private static Uncertain trace(LayerFigures layer, Estimate estimate) {
    TraceFigure figure = layer.traces().get(estimate);
    assertThat(figure).isNotNull();
    return figure.trace();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 100})
  void estimate_target_isReachedWithoutBias(int microBatch) throws IOException, ModelException {
    ModelCase modelCase = ModelCase.of("mlp");
    try (Model model = modelCase.load(runtime)) {
      EstimatorSettings exactly = settings(EstimatorKind.EXACT, 0, 0, OptionalInt.empty(), 0);
      double exact =
          trace(modelCase.estimate(model, exactly).figures().total(), Estimate.FISHER).value();
      int seeds = 100;
      double sum = 0;
      double squares = 0;
      double variances = 0;
      double diagonals = 0;
      for (int seed = 0; seed < seeds; seed++) {
        EstimatorSettings wished =
            settings(EstimatorKind.DEFLATED, 1, 0.02, OptionalInt.of(microBatch), seed);
        ModelCase.Estimated made = modelCase.estimate(model, wished);
        LayerFigures total = made.figures().total();
        Uncertain fisher = trace(total, Estimate.FISHER);
        double error = fisher.standardError().orElseThrow();
        assertThat(error).isLessThanOrEqualTo(0.02 * fisher.value());
        assertThat(trace(total, Estimate.LOWER).value()).isLessThanOrEqualTo(fisher.value());
        assertThat(trace(total, Estimate.UPPER).value()).isGreaterThanOrEqualTo(fisher.value());
        double diagonal =
            made.diagonals().entrySet().stream()
                .filter(entry -> entry.getKey().startsWith("fisher/"))
                .flatMapToDouble(entry -> java.util.Arrays.stream(entry.getValue().toDoubles()))
                .sum();
        diagonals = Math.max(diagonals, Math.abs(diagonal / fisher.value() - 1));
        sum += fisher.value() - exact;
        squares += Math.pow(fisher.value() - exact, 2);
        variances += error * error;
      }
      double deviation = Math.sqrt(squares / seeds);
      assertThat(diagonals).as("the diagonal adds up to the trace").isLessThan(1e-5);
      // Stopping as soon as the error looks small favours small estimates, by less than this.
      assertThat(Math.abs(sum / seeds)).isLessThan(4 * deviation / Math.sqrt(seeds));
      assertThat(deviation / Math.sqrt(variances / seeds)).isBetween(0.7, 1.4);
    }
  }

  @Test
  void estimate_withoutASpectrum_hasTheSameTracesAndNothingOfIt() throws Exception {
    ModelCase modelCase = ModelCase.of("mlp");
    EstimatorSettings settings = settings(EstimatorKind.DEFLATED, 1, 0, OptionalInt.empty(), 5);
    try (Model model = modelCase.load(runtime);
        FixedEstimate without =
            new FixedEstimate(
                model,
                modelCase.likelihood(),
                modelCase.layers(model),
                settings,
                false,
                Progress.NONE)) {
      without.add(modelCase.batch(model));
      LayerFigures bare = without.figures().total();
      LayerFigures full = modelCase.estimate(model, settings).figures().total();
      assertThat(full.effectiveRank()).isPresent();
      assertThat(bare.effectiveRank()).isEmpty();
      assertThat(bare.topEigenvalue()).isEmpty();
      for (Estimate estimate : full.traces().keySet()) {
        assertThat(trace(bare, estimate)).isEqualTo(trace(full, estimate));
      }
    }
  }

  @Test
  void estimate_sameSeed_isTheSameBitForBit() throws IOException, ModelException {
    ModelCase modelCase = ModelCase.of("mlp");
    try (Model model = modelCase.load(runtime)) {
      EstimatorSettings settings =
          settings(EstimatorKind.DEFLATED, 1, 0.01, OptionalInt.empty(), 5);
      ModelCase.Estimated first = modelCase.estimate(model, settings);
      ModelCase.Estimated second = modelCase.estimate(model, settings);
      assertThat(second.figures()).isEqualTo(first.figures());
      first
          .diagonals()
          .forEach(
              (name, tensor) ->
                  assertThat(second.diagonals().get(name).toDoubles())
                      .isEqualTo(tensor.toDoubles()));
    }
  }

  private static Figures observe(Model model, ModelCase modelCase, int batches)
      throws IOException, ModelException {
    EstimatorSettings settings =
        new EstimatorSettings(
            EstimatorKind.DEFLATED,
            OptionalInt.empty(),
            OptionalInt.empty(),
            OptionalInt.empty(),
            Distribution.RADEMACHER,
            0,
            EnumSet.of(Estimate.FISHER),
            Budget.NONE);
    try (FisherMonitor monitor =
        new FisherMonitor(
            model,
            modelCase.likelihood(),
            modelCase.layers(model),
            settings,
            new FisherMonitor.Upkeep(20, 1, false),
            () -> {
              throw new AssertionError("no clock without a budget of time");
            })) {
      for (int batch = 0; batch < batches; batch++) {
        monitor.observe(modelCase.batch(model), batch, batch);
      }
      return monitor.figures();
    }
  }

  @Test
  void observe_auto_choosesTheSameAgainAndSaysWhy() throws IOException, ModelException {
    ModelCase modelCase = ModelCase.of("mlp");
    try (Model model = modelCase.load(runtime)) {
      Figures figures = observe(model, modelCase, 30);
      assertThat(figures.settings().reason())
          .contains("micro-batch " + figures.settings().microBatch() + " has the least");
      assertThat(figures.total().effectiveRank()).isPresent();
      assertThat(figures.total().topEigenvalue()).isPresent();
      assertThat(observe(model, modelCase, 30)).isEqualTo(figures);
    }
  }
}
