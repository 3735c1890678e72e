package io.fisherwatch.djl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.fisherwatch.runtime.BoundBatch;
import io.fisherwatch.runtime.Cotangents;
import io.fisherwatch.runtime.DiagonalArray;
import io.fisherwatch.runtime.ExamplePass;
import io.fisherwatch.runtime.ForwardPass;
import io.fisherwatch.runtime.Gradient;
import io.fisherwatch.runtime.GradientMemory;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.OutputSelector;
import io.fisherwatch.runtime.Parameter;
import io.fisherwatch.safetensors.Dtype;
import io.fisherwatch.safetensors.HostTensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Models and batches too large for copies: several pulls go through a pass of the batch in one
 * call.
 */
class MiddlingIT {

  /** More than a pass takes. */
  private static final int EXAMPLES = 1400;

  private static final int PULLS = 3;
  private static final int PIXELS = 64;

  /** Forward passes with more multiplications than this are not made of copies of a batch. */
  private static final double LITTLE_WORK = 2e6;

  private static final Path RESOURCES = Path.of("src/main/resources/io/fisherwatch");

  /** A perceptron of 3,050 parameters, convolutions, and a transformer of sixteen tokens. */
  static List<Path> models() {
    return Stream.of("cli/study/digits-10.pt", "demo/digits.pt", "demo/tokens.pt")
        .map(RESOURCES::resolve)
        .toList();
  }

  @ParameterizedTest
  @MethodSource("models")
  void pullBackEach_ofSeveral_isOneByOne(Path graph) throws Exception {
    try (TorchRuntime runtime = TorchRuntime.open(TestDevice.NAME, 0);
        Model model = runtime.load(graph, OutputSelector.FIRST);
        DiagonalArray difference = model.newDiagonal();
        DiagonalArray scale = model.newDiagonal();
        BoundBatch bound = model.bind(List.of(pixels(EXAMPLES)))) {
      assertThat(bound.squaresEach()).isTrue();
      try (ExamplePass pass = bound.forwardEach(0)) {
        assertThat(pass.logits().examples()).isEqualTo(EXAMPLES / 2); // passes alike
        assertThat((double) parameters(model) * pass.logits().examples())
            .isGreaterThan(LITTLE_WORK);
        assertThat(pass.pullsTogether()).isGreaterThanOrEqualTo(PULLS);
        List<ExamplePass.Pull> pulls = new ArrayList<>();
        List<List<Gradient>> alone = new ArrayList<>();
        for (Cotangents one : RandomCotangents.of(pass.logits(), PULLS)) {
          alone.addAll(pass.pullBackEach(List.of(new ExamplePass.Pull(one, scale))));
          pulls.add(new ExamplePass.Pull(one, difference));
        }
        List<List<Gradient>> together = pass.pullBackEach(pulls);
        assertThat(together).hasSize(PULLS);
        for (int k = 0; k < PULLS; k++) {
          for (int example = 0; example < alone.get(k).size(); example++) {
            Gradient expected = alone.get(k).get(example);
            Gradient found = together.get(k).get(example);
            for (int p = 0; p < model.parameters().size(); p++) {
              double square = expected.squaredNorm(p);
              assertThat(found.squaredNorm(p)).isCloseTo(square, within(1e-5 * square + 1e-12));
            }
          }
        }
        difference.add(scale, -1);
        for (int p = 0; p < model.parameters().size(); p++) {
          if (model.parameters().get(p).trainable()) {
            assertThat(largest(difference, p)).isLessThanOrEqualTo(1e-4 * largest(scale, p));
          }
        }
      }
    }
  }

  /** Of eight examples, gradients of wide linear layers are compared without being made. */
  @ParameterizedTest
  @MethodSource("models")
  void pullBackTogether_isOneByOneAndComparedWithAllBefore(Path graph) throws Exception {
    try (TorchRuntime runtime = TorchRuntime.open(TestDevice.NAME, 0);
        Model model = runtime.load(graph, OutputSelector.FIRST)) {
      comparesAll(model, 8);
      comparesAll(model, 1000);
    }
  }

  private static void comparesAll(Model model, int examples) throws Exception {
    try (GradientMemory memory = model.newGradientMemory(PULLS - 1);
        BoundBatch bound = model.bind(List.of(pixels(examples)))) {
      assertThat(bound.squaresEach()).isTrue();
      try (ForwardPass pass = bound.forward(0, bound.examples())) {
        List<Cotangents> all = RandomCotangents.of(pass.logits(), PULLS);
        List<Gradient> together = pass.pullBackTogether(all, true);
        for (int k = 0; k < PULLS; k++) {
          Gradient alone = pass.pullBack(all.get(k), null, memory);
          assertThat(together.get(k).compared()).isEqualTo(k).isEqualTo(alone.compared());
          for (int p = 0; p < model.parameters().size(); p++) {
            double square = alone.squaredNorm(p);
            double scale = 1e-4 * square + 1e-10;
            assertThat(together.get(k).squaredNorm(p)).isCloseTo(square, within(scale));
            for (int back = 1; back <= k; back++) {
              assertThat(together.get(k).innerProduct(back, p))
                  .isCloseTo(alone.innerProduct(back, p), within(10 * scale));
            }
          }
        }
      }
    }
  }

  /** Whether the taps hold is not known by one example: what came before it makes no difference. */
  @Test
  void pass_ofOneExample_isNotTappedOnceOthersHaveProvenTheTaps() throws Exception {
    try (TorchRuntime runtime = TorchRuntime.open(TestDevice.NAME, 0);
        Model model = runtime.load(models().get(0), OutputSelector.FIRST)) {
      assertThat(keepsTaps(model, 1)).isFalse();
      assertThat(keepsTaps(model, 1000)).isTrue();
      assertThat(keepsTaps(model, 1)).isFalse();
    }
  }

  private static boolean keepsTaps(Model model, int examples) throws Exception {
    try (BoundBatch bound = model.bind(List.of(pixels(examples)))) {
      assertThat(bound.squaresEach()).isTrue();
      try (ForwardPass pass = bound.forward(0, examples)) {
        return ((TorchForwardPass) pass).copies().keep(PULLS).isPresent();
      }
    }
  }

  private static double largest(DiagonalArray diagonal, int parameter) {
    double[] largest = {0};
    diagonal.read(
        parameter,
        bytes -> {
          while (bytes.hasRemaining()) {
            largest[0] = Math.max(largest[0], Math.abs(bytes.getFloat()));
          }
        });
    return largest[0];
  }

  private static long parameters(Model model) {
    return model.parameters().stream().mapToLong(Parameter::elements).sum();
  }

  private static HostTensor pixels(int examples) {
    SplittableRandom random = new SplittableRandom(1);
    ByteBuffer bytes =
        ByteBuffer.allocate(Float.BYTES * PIXELS * examples).order(ByteOrder.LITTLE_ENDIAN);
    while (bytes.hasRemaining()) {
      bytes.putFloat((float) random.nextDouble());
    }
    return HostTensor.of(Dtype.F32, new long[] {examples, PIXELS}, bytes.flip());
  }
}
