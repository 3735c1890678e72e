package io.fisherwatch.monitor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.fisherwatch.djl.TestDevice;
import io.fisherwatch.djl.TorchRuntime;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.snapshot.LayerFigures;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Many examples in one pass give what micro-batches of one give, draw by draw. That both are right
 * is for {@link ModelCasesIT}, which has the same models.
 */
class TappedPathIT {

  private static final double ROUNDING = 1e-5;

  private static TorchRuntime runtime;

  @BeforeAll
  static void open() throws ModelException {
    runtime = TorchRuntime.open(TestDevice.NAME, 0);
  }

  @AfterAll
  static void close() {
    runtime.close();
  }

  static Stream<String> tapped() throws Exception {
    return ModelCase.names().stream()
        .filter(name -> name.startsWith("tapped-") && !name.equals("tapped-lie"));
  }

  static Stream<EstimatorSettings> estimators() {
    return Stream.of(
        settings(EstimatorKind.EXACT, 0, 1),
        settings(EstimatorKind.DEFLATED, 0, 1),
        settings(EstimatorKind.DEFLATED, 1, 3));
  }

  @ParameterizedTest
  @MethodSource("tapped")
  void deflated_anyRank_isThatOfMicroBatchesOfOne(String name) throws Exception {
    for (EstimatorSettings settings : estimators().toList()) {
      ModelCase.Estimated tapped = estimate(name, settings, true);
      ModelCase.Estimated plain = estimate(name, settings, false);
      boolean tokens = name.equals("tapped-tokens") && settings.kind() == EstimatorKind.EXACT;
      assertThat(tapped.figures().settings().path()).isEqualTo(tokens ? "plain" : "tapped");
      assertThat(plain.figures().settings().path()).isEqualTo("plain");
      assertAlike(tapped.figures().layers(), plain.figures().layers());
      assertAlike(tapped.diagonals(), plain.diagonals());
    }
  }

  @Test
  void description_thatLies_isFoundOutOnTheFirstBatch() throws Exception {
    ModelCase.Estimated estimated =
        estimate("tapped-lie", settings(EstimatorKind.EXACT, 0, 1), true);
    assertThat(estimated.figures().settings().path()).isEqualTo("plain");
    assertThat(estimated.figures().settings().pathReason()).contains("'enter.weight' is not so");
  }

  @Test
  void graph_withoutTaps_saysSo() throws Exception {
    ModelCase.Estimated estimated = estimate("mlp", settings(EstimatorKind.EXACT, 0, 1), true);
    assertThat(estimated.figures().settings().pathReason()).contains("has no taps");
  }

  private static ModelCase.Estimated estimate(
      String name, EstimatorSettings settings, boolean tapped) throws Exception {
    ModelCase model = ModelCase.of(name);
    try (Model loaded = model.load(runtime)) {
      if (!tapped) {
        loaded.keepPlain("for comparison");
      }
      return model.estimate(loaded, settings);
    }
  }

  private static EstimatorSettings settings(EstimatorKind kind, int rank, int probes) {
    return ModelCase.settings(
        kind, OptionalInt.of(rank), OptionalInt.of(probes), OptionalInt.of(1), 11);
  }

  private static void assertAlike(List<LayerFigures> tapped, List<LayerFigures> plain) {
    assertThat(tapped).hasSameSizeAs(plain);
    double whole = 0;
    for (int i = 0; i < plain.size(); i++) {
      LayerFigures expected = plain.get(i);
      LayerFigures found = tapped.get(i);
      assertThat(found.covered()).as(expected.layer()).isEqualTo(expected.covered());
      assertThat(found.traces()).hasSameSizeAs(expected.traces());
      expected
          .traces()
          .forEach(
              (matrix, figure) -> {
                double value = figure.trace().value();
                assertThat(found.traces().get(matrix).trace().value())
                    .as("%s of %s", matrix, expected.layer())
                    .isCloseTo(value, within(ROUNDING * value + 1e-12));
                figure
                    .trace()
                    .standardError()
                    .ifPresent(
                        error ->
                            assertThat(
                                    found
                                        .traces()
                                        .get(matrix)
                                        .trace()
                                        .standardError()
                                        .orElseThrow())
                                .isCloseTo(error, within(1e-3 * error + ROUNDING * value)));
              });
      whole += expected.covered();
    }
    assertThat(whole).isPositive();
  }

  private static void assertAlike(Map<String, HostTensor> tapped, Map<String, HostTensor> plain) {
    assertThat(tapped.keySet()).isEqualTo(plain.keySet());
    plain.forEach(
        (name, tensor) -> {
          double[] expected = tensor.toDoubles();
          double[] found = tapped.get(name).toDoubles();
          double largest = java.util.Arrays.stream(expected).max().orElse(0);
          for (int i = 0; i < expected.length; i++) {
            assertThat(found[i])
                .as("%s[%d]", name, i)
                .isCloseTo(expected[i], within(1e-4 * expected[i] + 1e-6 * largest + 1e-14));
          }
        });
  }
}
