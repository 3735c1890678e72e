package io.fisherwatch.monitor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.fisherwatch.djl.TestDevice;
import io.fisherwatch.djl.TorchRuntime;
import io.fisherwatch.runtime.BoundBatch;
import io.fisherwatch.runtime.Cotangents;
import io.fisherwatch.runtime.DiagonalArray;
import io.fisherwatch.runtime.ExamplePass;
import io.fisherwatch.runtime.ForwardPass;
import io.fisherwatch.runtime.Gradient;
import io.fisherwatch.runtime.Logits;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.safetensors.HostTensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Batches too large for copies of them, and for a single pass: several pulls go through a pass of
 * the batch in one call.
 */
class MiddlingIT {

  /** More than a pass takes. */
  private static final int EXAMPLES = 1100;

  private static final int PULLS = 3;

  static List<String> models() throws Exception {
    return TogetherIT.tapped();
  }

  @ParameterizedTest
  @MethodSource("models")
  void pullBackEach_ofSeveral_isOneByOne(String name) throws Exception {
    try (TorchRuntime runtime = TorchRuntime.open(TestDevice.NAME, 0);
        Model model = ModelCase.of(name).load(runtime);
        DiagonalArray difference = model.newDiagonal();
        DiagonalArray scale = model.newDiagonal();
        BoundBatch bound = model.bind(inputs(name, model, EXAMPLES))) {
      assertThat(bound.squaresEach()).isTrue();
      try (ExamplePass pass = bound.forwardEach(0)) {
        assertThat(pass.logits().examples()).isEqualTo(EXAMPLES / 2); // passes alike
        assertThat(pass.pullsTogether()).isGreaterThanOrEqualTo(PULLS);
        List<ExamplePass.Pull> pulls = new ArrayList<>();
        List<List<Gradient>> alone = new ArrayList<>();
        for (Cotangents one : cotangents(pass.logits())) {
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

  @ParameterizedTest
  @MethodSource("models")
  void pullBackTogether_ofALargeBatch_isOneByOne(String name) throws Exception {
    try (TorchRuntime runtime = TorchRuntime.open(TestDevice.NAME, 0);
        Model model = ModelCase.of(name).load(runtime);
        BoundBatch bound = model.bind(inputs(name, model, 1000))) {
      assertThat(bound.squaresEach()).isTrue();
      try (ForwardPass pass = bound.forward(0, bound.examples())) {
        List<Cotangents> all = cotangents(pass.logits());
        List<Gradient> together = pass.pullBackTogether(all, true);
        for (int k = 0; k < PULLS; k++) {
          Gradient alone = pass.pullBack(all.get(k), null, null);
          for (int p = 0; p < model.parameters().size(); p++) {
            double square = alone.squaredNorm(p);
            assertThat(together.get(k).squaredNorm(p))
                .isCloseTo(square, within(1e-4 * square + 1e-10));
          }
        }
      }
    }
  }

  /** What came before makes no difference, to the last bit. */
  @Test
  void pullBackTogether_ofOneExample_doesNotHangOnWhatCameBefore() throws Exception {
    try (TorchRuntime runtime = TorchRuntime.open(TestDevice.NAME, 0);
        Model model = ModelCase.of("tapped-mlp").load(runtime)) {
      List<Double> before = norms(model, 1);
      List<Double> unused = norms(model, 3);
      assertThat(norms(model, 1)).isEqualTo(before);
    }
  }

  private static List<Double> norms(Model model, int examples) throws Exception {
    List<Double> norms = new ArrayList<>();
    try (BoundBatch bound = model.bind(inputs("tapped-mlp", model, examples))) {
      assertThat(bound.squaresEach()).isTrue();
      try (ForwardPass pass = bound.forward(0, examples)) {
        for (Gradient gradient : pass.pullBackTogether(cotangents(pass.logits()), true)) {
          for (int p = 0; p < model.parameters().size(); p++) {
            norms.add(gradient.squaredNorm(p));
          }
        }
      }
    }
    return norms;
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

  /** The model's batch again and again, as many examples of it. */
  private static List<HostTensor> inputs(String name, Model model, int examples) throws Exception {
    List<HostTensor> repeated = new ArrayList<>();
    for (HostTensor input : ModelCase.of(name).batch(model).inputs()) {
      long[] shape = input.shape().clone();
      ByteBuffer given = input.data();
      int size = Math.toIntExact(given.remaining() / shape[0]);
      ByteBuffer bytes = ByteBuffer.allocate(size * examples).order(ByteOrder.LITTLE_ENDIAN);
      for (int example = 0; example < examples; example++) {
        int row = (int) (example % shape[0]) * size;
        bytes.put(
            given
                .duplicate()
                .position(given.position() + row)
                .limit(given.position() + row + size));
      }
      shape[0] = examples;
      repeated.add(HostTensor.of(input.dtype(), shape, bytes.flip()));
    }
    return repeated;
  }

  private static List<Cotangents> cotangents(Logits logits) {
    SplittableRandom random = new SplittableRandom(5);
    List<Cotangents> all = new ArrayList<>();
    for (int k = 0; k < PULLS; k++) {
      Cotangents one = new Cotangents(logits);
      for (int row = 0; row < logits.rows(); row++) {
        one.set(row, random.doubles(logits.classes(), -1, 1).toArray());
      }
      all.add(one);
    }
    return all;
  }
}
