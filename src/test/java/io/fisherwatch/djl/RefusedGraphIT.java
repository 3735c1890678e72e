package io.fisherwatch.djl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import io.fisherwatch.runtime.BoundBatch;
import io.fisherwatch.runtime.ForwardPass;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.runtime.OutputSelector;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.SafetensorsReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Graphs and batches that fail in the engine, and what is said of it. */
class RefusedGraphIT {

  private static final Path FOLDER = Path.of("src/test/resources/models/bad");

  /** Nothing is known of the taps then: once there is room they are tried. */
  @Test
  void tapsThatFindNoMemory_areNotJudged() throws Exception {
    HostTensor x = read("batch.safetensors");
    try (TorchRuntime runtime = TorchRuntime.open(TestDevice.NAME, 1);
        Model model = runtime.load(FOLDER.resolve("greedy-taps.pt"), OutputSelector.FIRST);
        BoundBatch bound = model.bind(List.of(x))) {
      assertThatThrownBy(bound::squaresEach)
          .asInstanceOf(type(ModelException.class))
          .satisfies(e -> assertThat(e.code()).isEqualTo("out-of-memory"));
      assertThat(model.plainReason()).isEmpty();
    }
  }

  @ParameterizedTest
  @CsvSource({
    "greedy.pt, batch.safetensors, out-of-memory, memory",
    "graph.pt, narrow-input.safetensors, shape-mismatch, 6x4",
  })
  void failureInTheEngine_hasItsCode(String graph, String batch, String code, String said)
      throws Exception {
    HostTensor x = read(batch);
    try (TorchRuntime runtime = TorchRuntime.open(TestDevice.NAME, 1);
        Model model = runtime.load(FOLDER.resolve(graph), OutputSelector.FIRST);
        BoundBatch bound = model.bind(List.of(x))) {
      assertThatThrownBy(() -> forward(bound, x))
          .asInstanceOf(type(ModelException.class))
          .satisfies(e -> assertThat(e.code()).isEqualTo(code))
          .satisfies(e -> assertThat(e).hasMessageContaining(said));
    }
  }

  private static HostTensor read(String batch) throws Exception {
    return SafetensorsReader.decode(Files.readAllBytes(FOLDER.resolve(batch)), batch).get("x");
  }

  private static void forward(BoundBatch batch, HostTensor x) throws ModelException {
    try (ForwardPass pass = batch.forward(0, (int) x.size(0))) {
      assertThat(pass.logits().rows()).isPositive();
    }
  }
}
