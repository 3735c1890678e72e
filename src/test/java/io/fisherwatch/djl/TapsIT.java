package io.fisherwatch.djl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import io.fisherwatch.runtime.BoundBatch;
import io.fisherwatch.runtime.ExamplePass;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.runtime.OutputSelector;
import io.fisherwatch.safetensors.Dtype;
import io.fisherwatch.safetensors.HostTensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a graph may say of its taps, of two square layers: whatever it is, it is not believed. */
class TapsIT {

  private static final String TRUE =
      """
      {"version": 1, "parameters": [
        {"name": "enter.weight", "rule": "linear", "taps": [0], "options": []},
        {"name": "enter.bias", "rule": "shift", "taps": [0], "options": [0]},
        {"name": "leave.weight", "rule": "linear", "taps": [1], "options": []},
        {"name": "leave.bias", "rule": "shift", "taps": [1], "options": [0]}]}
      """;

  private static TorchRuntime runtime;

  @TempDir private Path folder;

  @BeforeAll
  static void open() throws ModelException {
    runtime = TorchRuntime.open(TestDevice.NAME, 0);
  }

  @AfterAll
  static void close() {
    runtime.close();
  }

  @Test
  void description_thatIsTrue_holds() throws Exception {
    try (Model model = load(TRUE)) {
      assertThat(squaresEach(model, 3, 1)).isTrue();
      assertThat(model.plainReason()).isEmpty();
    }
  }

  @Test
  void transposedSquares_withTheSameNorms_areFoundOut() throws Exception {
    try (Model model =
        load(TRUE.replace("linear\", \"taps\": [1]", "transposed\", \"taps\": [1]"))) {
      assertThat(squaresEach(model, 3, 1)).isFalse();
      assertThat(model.plainReason().orElseThrow()).contains("'leave.weight' is not so");
    }
  }

  @Test
  void batch_ofOneExample_doesNotProveForTheNext() throws Exception {
    Map<String, byte[]> entries = Archives.entries(Archives.MODELS.resolve("tapped-lie/graph.pt"));
    entries.put("graph/extra/fisherwatch.json", TRUE.getBytes(StandardCharsets.UTF_8));
    String file = "graph/code/__torch__/torch/nn/modules/container.py";
    String code = new String(entries.get(file), StandardCharsets.US_ASCII);
    String mixed = code.replace("_2, input, _4", "_2, torch.flip(input, [0]), _4");
    assertThat(mixed).isNotEqualTo(code);
    entries.put(file, mixed.getBytes(StandardCharsets.US_ASCII));
    Path graph = Archives.write(folder.resolve("mixed.pt"), entries);
    try (Model model = runtime.load(graph, OutputSelector.FIRST)) {
      assertThat(squaresEach(model, 1, 1)).isTrue();
      assertThat(squaresEach(model, 3, 1)).isFalse();
      assertThat(model.plainReason().orElseThrow()).contains("'enter.weight' is not so");
    }
  }

  @Test
  void batch_thatOverflows_provesNothing() throws Exception {
    try (Model model =
        load(TRUE.replace("linear\", \"taps\": [0]", "transposed\", \"taps\": [0]"))) {
      assertThat(squaresEach(model, 3, Double.NaN)).isFalse();
      assertThat(model.plainReason().orElseThrow()).contains("could not be tried on this batch");
      assertThat(squaresEach(model, 3, 1)).isFalse();
      assertThat(model.plainReason().orElseThrow()).contains("'enter.weight' is not so");
    }
    try (Model model = load(TRUE)) {
      assertThat(squaresEach(model, 3, Double.NaN)).isFalse();
      assertThat(squaresEach(model, 3, 1)).isTrue();
      assertThat(model.plainReason()).isEmpty();
    }
  }

  static List<Arguments> malformed() {
    String shift =
        "{\"name\": \"enter.bias\", \"rule\": \"shift\", \"taps\": [0], \"options\": [0]},";
    return List.of(
        arguments("", "not of version 1"),
        arguments("not JSON", "not JSON"),
        arguments("[".repeat(100_000), "not JSON"),
        arguments("null", "not of version 1"),
        arguments("[]", "not of version 1"),
        arguments("{\"version\": 2}", "not of version 1"),
        arguments("{\"version\": 1}", "has no rule"),
        arguments("{\"version\": 1, \"parameters\": 3}", "has no rule"),
        arguments("{\"version\": 1, \"parameters\": [3, null, []]}", "no trainable parameter ''"),
        arguments("{\"version\": 1, \"plain\": \"a\\nb\\u001b[31m\\u202ec\"}", "a b [31m c"),
        arguments(TRUE.replace("linear", "quadratic"), "cannot have the rule"),
        arguments(TRUE.replace("linear", "unused"), "has 1 taps"),
        arguments(TRUE.replace("linear", "convolution"), "cannot have the rule"),
        arguments(TRUE.replace("shift", "linear"), "cannot have the rule"),
        arguments(TRUE.replace("[0]}", "[2]}"), "cannot have the rule"),
        arguments(TRUE.replace("[0]}", "[0, 0]}"), "cannot have the rule"),
        arguments(TRUE.replace("[0]}", "[0.5]}"), "for numbers"),
        arguments(TRUE.replace("[0]}", "[18446744073709551616]}"), "for numbers"),
        arguments(TRUE.replace("[1]", "[]"), "has 0 taps"),
        arguments(TRUE.replace("[1]", "[-1]"), "has a tap -1"),
        arguments(TRUE.replace("[1]", "[9223372036854775807]"), "has a tap 9223372036854775807"),
        arguments(TRUE.replace("[1]", "[1, 0, 1]"), "has a tap twice"),
        arguments(TRUE.replace(shift, shift + shift), "has two rules"),
        arguments(TRUE.replace(shift, ""), "'enter.bias' has no rule"),
        arguments(TRUE.replace("enter.bias", "x\\u001b\\u202e\\n" + "y".repeat(100_000)), "'x y"),
        arguments(TRUE + " ".repeat(4 << 20), "more than 4194304 bytes"));
  }

  @ParameterizedTest
  @MethodSource("malformed")
  void malformedDescription_isPlainForAReasonOfOneLine(String description, String why)
      throws Exception {
    try (Model model = load(description)) {
      String reason = model.plainReason().orElseThrow();
      assertThat(reason).contains(why).hasSizeLessThan(400);
      assertThat(reason.codePoints()).noneMatch(c -> Character.getType(c) == Character.FORMAT);
      assertThat(reason.codePoints()).noneMatch(Character::isISOControl);
      assertThat(squaresEach(model, 3, 1)).isFalse();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"\"taps\": [7]", "\"taps\": [0]"})
  void taps_thatAreNotThereOrAnothers_arePlainOnTheFirstBatch(String taps) throws Exception {
    try (Model model = load(TRUE.replace("\"taps\": [1]", taps))) {
      assertThat(squaresEach(model, 3, 1)).isFalse();
      assertThat(model.plainReason()).isPresent();
    }
  }

  private Model load(String description) throws Exception {
    Path graph = Archives.graphThatSays(folder.resolve("graph.pt"), "tapped-lie", description);
    return runtime.load(graph, OutputSelector.FIRST);
  }

  /** Whether the fast path holds on random inputs of a size. */
  @Test
  void pass_ofOneExample_isNotCopied() throws Exception {
    try (Model model = load(TRUE)) {
      assertThat(copies(model, 1)).isEqualTo(1);
      assertThat(copies(model, 3)).isGreaterThan(1);
      assertThat(copies(model, 1)).isEqualTo(1); // what came before makes no difference
    }
  }

  private static int copies(Model model, int examples) throws Exception {
    try (BoundBatch bound = model.bind(List.of(input(examples, 1)))) {
      assertThat(bound.squaresEach()).isTrue();
      try (ExamplePass pass = bound.forwardEach(0)) {
        return ((TorchExamplePass) pass).copies();
      }
    }
  }

  private static boolean squaresEach(Model model, int examples, double size) throws Exception {
    try (BoundBatch bound = model.bind(List.of(input(examples, size)))) {
      return bound.squaresEach();
    }
  }

  private static HostTensor input(int examples, double size) {
    SplittableRandom random = new SplittableRandom(1);
    ByteBuffer bytes = ByteBuffer.allocate(4 * 5 * examples).order(ByteOrder.LITTLE_ENDIAN);
    while (bytes.hasRemaining()) {
      bytes.putFloat((float) (size * random.nextDouble(-1, 1)));
    }
    bytes.flip();
    return HostTensor.of(Dtype.F32, new long[] {examples, 5}, bytes);
  }
}
