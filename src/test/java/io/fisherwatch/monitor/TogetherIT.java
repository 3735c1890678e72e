package io.fisherwatch.monitor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.fisherwatch.djl.RandomCotangents;
import io.fisherwatch.djl.TestDevice;
import io.fisherwatch.djl.TorchRuntime;
import io.fisherwatch.runtime.BoundBatch;
import io.fisherwatch.runtime.Cotangents;
import io.fisherwatch.runtime.ForwardPass;
import io.fisherwatch.runtime.Gradient;
import io.fisherwatch.runtime.GradientMemory;
import io.fisherwatch.runtime.Model;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Cotangents pulled back in one call, on every kind of model: by a backward pass each, and, where
 * the graph has taps that are known to hold, by one pass over copies of the batch.
 */
class TogetherIT {

  private static final int PROBES = 4;

  static List<String> models() throws IOException {
    return ModelCase.names();
  }

  @ParameterizedTest
  @MethodSource("models")
  void pullBackTogether_isOneByOneAndComparedWithAllBefore(String name) throws Exception {
    compare(name, false);
  }

  static List<String> tapped() throws IOException {
    return ModelCase.names().stream()
        .filter(name -> name.startsWith("tapped-") && !name.equals("tapped-lie"))
        .toList();
  }

  @ParameterizedTest
  @MethodSource("tapped")
  void pullBackTogether_overCopies_isOneByOneAndComparedWithAllBefore(String name)
      throws Exception {
    compare(name, true);
  }

  private static void compare(String name, boolean tapped) throws Exception {
    ModelCase one = ModelCase.of(name);
    try (TorchRuntime runtime = TorchRuntime.open(TestDevice.NAME, 0);
        Model model = one.load(runtime);
        GradientMemory memory = model.newGradientMemory(PROBES - 1);
        BoundBatch bound = model.bind(one.batch(model).inputs());
        ForwardPass pass = bound.forward(0, bound.examples())) {
      assertThat(tapped && !bound.squaresEach()).isFalse();
      List<Cotangents> all = RandomCotangents.of(pass.logits(), PROBES);
      List<Gradient> together = pass.pullBackTogether(all, true);
      assertThat(together).hasSize(PROBES);
      double largest = 0;
      List<Gradient> alone = new ArrayList<>();
      for (Cotangents cotangents : all) {
        Gradient gradient = pass.pullBack(cotangents, null, memory);
        alone.add(gradient);
        for (int p = 0; p < model.parameters().size(); p++) {
          largest = Math.max(largest, gradient.squaredNorm(p));
        }
      }
      assertThat(largest).isPositive();
      for (int k = 0; k < PROBES; k++) {
        agree(together.get(k), alone.get(k), k, model.parameters().size(), 1e-5 * largest);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("tapped")
  void pullBackTogether_againAndAgain_givesEachCallItsOwn(String name) throws Exception {
    ModelCase one = ModelCase.of(name);
    try (TorchRuntime runtime = TorchRuntime.open(TestDevice.NAME, 0);
        Model model = one.load(runtime);
        BoundBatch bound = model.bind(one.batch(model).inputs());
        ForwardPass pass = bound.forward(0, bound.examples())) {
      assertThat(bound.squaresEach()).isTrue();
      List<Cotangents> all = RandomCotangents.of(pass.logits(), PROBES);
      List<Cotangents> others = new ArrayList<>(all.subList(1, PROBES));
      others.add(all.get(0));
      List<Gradient> compared = pass.pullBackTogether(all, true);
      List<Gradient> turned = pass.pullBackTogether(others, false);
      List<Gradient> fewer = pass.pullBackTogether(all.subList(1, PROBES), false);
      for (int p = 0; p < model.parameters().size(); p++) {
        for (int k = 1; k < PROBES; k++) {
          double square = compared.get(k).squaredNorm(p);
          double error = 1e-6 * Math.abs(square) + 1e-30;
          assertThat(turned.get(k - 1).squaredNorm(p)).isCloseTo(square, within(error));
          assertThat(fewer.get(k - 1).squaredNorm(p)).isCloseTo(square, within(error));
          assertThat(turned.get(k - 1).compared()).isZero();
        }
      }
    }
  }

  private static void agree(Gradient found, Gradient alone, int k, int parameters, double error) {
    assertThat(found.compared()).isEqualTo(alone.compared()).isEqualTo(k);
    for (int p = 0; p < parameters; p++) {
      assertThat(found.reaches(p)).as("parameter %d", p).isEqualTo(alone.reaches(p));
      assertThat(found.nonFinite(p)).isZero();
      assertThat(found.squaredNorm(p)).isCloseTo(alone.squaredNorm(p), within(error));
      for (int before = 1; before <= k; before++) {
        assertThat(found.innerProduct(before, p))
            .as("product of %d with %d over parameter %d", k, k - before, p)
            .isCloseTo(alone.innerProduct(before, p), within(error));
      }
    }
  }
}
