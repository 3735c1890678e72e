package io.fisherwatch.monitor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import io.fisherwatch.djl.TestDevice;
import io.fisherwatch.djl.TorchRuntime;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.snapshot.Estimate;
import io.fisherwatch.snapshot.Figures;
import io.fisherwatch.snapshot.LayerFigures;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every kind of model, against a float64 reference by explicit Jacobians (src/test/python). */
class ModelCasesIT {

  private static TorchRuntime runtime;

  @BeforeAll
  static void open() throws ModelException {
    runtime = TorchRuntime.open(TestDevice.NAME, 0);
  }

  @AfterAll
  static void close() {
    runtime.close();
  }

  static List<String> names() throws IOException {
    return ModelCase.names();
  }

  @ParameterizedTest
  @MethodSource("names")
  void exact_everyTrace_agreesWithTheReference(String name) throws Exception {
    ModelCase model = ModelCase.of(name);
    Figures figures = estimate(model, ModelCase.settings(EstimatorKind.EXACT, 0)).figures();
    JsonNode expected = model.expected();
    assertThat(figures.parameters()).isEqualTo(expected.get("parameters").asLong());
    assertThat(figures.positions()).isEqualTo(expected.get("positions").asLong());
    assertThat(figures.layers()).hasSize(expected.get("layers").size());
    for (int i = 0; i < figures.layers().size(); i++) {
      LayerFigures layer = figures.layers().get(i);
      JsonNode reference = expected.get("layers").get(i);
      assertThat(layer.layer()).isEqualTo(reference.get("layer").asText());
      assertThat(layer.covered()).isEqualTo(reference.get("covered").asLong());
      for (Estimate estimate : Estimate.values()) {
        if (reference.get("trace").hasNonNull(estimate.label())) {
          double value = reference.get("trace").get(estimate.label()).asDouble();
          assertThat(layer.traces().get(estimate).trace().value())
              .as("%s of %s", estimate, layer.layer())
              .isCloseTo(value, within(1e-4 * value));
        }
      }
      assertOrdered(layer);
    }
  }

  @ParameterizedTest
  @MethodSource("names")
  void exact_everyDiagonalEntry_agreesWithTheReference(String name) throws Exception {
    ModelCase model = ModelCase.of(name);
    if (model.expectedDiagonal().isEmpty()) {
      return;
    }
    Map<String, HostTensor> expected = model.expectedDiagonal().get();
    Map<String, HostTensor> found =
        estimate(model, ModelCase.settings(EstimatorKind.EXACT, 0)).diagonals();
    for (Estimate estimate : List.of(Estimate.LOWER, Estimate.FISHER, Estimate.UPPER)) {
      double largest =
          expected.entrySet().stream()
              .filter(entry -> entry.getKey().startsWith(estimate.label() + "/"))
              .flatMapToDouble(entry -> java.util.Arrays.stream(entry.getValue().toDoubles()))
              .max()
              .orElse(0);
      for (Map.Entry<String, HostTensor> entry : expected.entrySet()) {
        if (entry.getKey().startsWith(estimate.label() + "/")) {
          double[] reference = entry.getValue().toDoubles();
          double[] values = found.get(entry.getKey()).toDoubles();
          for (int i = 0; i < reference.length; i++) {
            assertThat(values[i])
                .as("%s[%d]", entry.getKey(), i)
                .isCloseTo(reference[i], within(1e-4 * reference[i] + 1e-6 * largest));
          }
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("names")
  void deflated_anyRank_isOrderedEntryByEntryAndRepeatable(String name) throws Exception {
    ModelCase model = ModelCase.of(name);
    for (int rank = 0; rank < 3; rank++) {
      for (int microBatch : new int[] {1, 3}) {
        EstimatorSettings settings =
            ModelCase.settings(
                EstimatorKind.DEFLATED,
                OptionalInt.of(rank),
                OptionalInt.of(2),
                OptionalInt.of(microBatch),
                7);
        ModelCase.Estimated once = estimate(model, settings);
        once.figures().layers().forEach(ModelCasesIT::assertOrdered);
        assertDiagonalsOrdered(once.diagonals());
        ModelCase.Estimated again = estimate(model, settings);
        assertRepeated(again.figures(), once.figures());
      }
    }
  }

  private static ModelCase.Estimated estimate(ModelCase model, EstimatorSettings settings)
      throws IOException, ModelException {
    try (Model loaded = model.load(runtime)) {
      return model.estimate(loaded, settings);
    }
  }

  /** A GPU adds up what many threads give in the order in which they come. */
  private static void assertRepeated(Figures again, Figures once) {
    if (TestDevice.NAME.equals("cpu")) {
      assertThat(again).isEqualTo(once);
      return;
    }
    for (Estimate estimate : once.total().traces().keySet()) {
      double value = once.total().traces().get(estimate).trace().value();
      assertThat(again.total().traces().get(estimate).trace().value())
          .isCloseTo(value, within(1e-6 * value));
    }
  }

  private static void assertOrdered(LayerFigures layer) {
    double fisher = layer.traces().get(Estimate.FISHER).trace().value();
    if (layer.traces().containsKey(Estimate.LOWER)) {
      assertThat(layer.traces().get(Estimate.LOWER).trace().value()).isLessThanOrEqualTo(fisher);
    }
    assertThat(layer.traces().get(Estimate.UPPER).trace().value()).isGreaterThanOrEqualTo(fisher);
    layer.gaps().values().forEach(gap -> assertThat(gap.value()).isNotNegative());
  }

  private static void assertDiagonalsOrdered(Map<String, HostTensor> diagonals) {
    diagonals.forEach(
        (name, tensor) -> {
          if (name.startsWith("fisher/")) {
            String parameter = name.substring("fisher/".length());
            double[] lower = diagonals.get("lower/" + parameter).toDoubles();
            double[] fisher = tensor.toDoubles();
            double[] upper = diagonals.get("upper/" + parameter).toDoubles();
            for (int i = 0; i < fisher.length; i++) {
              assertThat(fisher[i]).as("%s[%d]", name, i).isBetween(lower[i], upper[i]);
            }
          }
        });
  }
}
