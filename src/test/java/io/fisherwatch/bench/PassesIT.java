package io.fisherwatch.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fisherwatch.djl.BareLoop;
import io.fisherwatch.djl.TorchRuntime;
import io.fisherwatch.monitor.Batch;
import io.fisherwatch.runtime.BoundBatch;
import io.fisherwatch.runtime.Cotangents;
import io.fisherwatch.runtime.ForwardPass;
import io.fisherwatch.runtime.Gradient;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.OutputSelector;
import io.fisherwatch.runtime.Parameter;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Graphs made on the spot, the passes through them, and the bare loop that repeats these. */
class PassesIT {

  @TempDir private Path folder;

  @Test
  void passes_ofAModelMadeHere_areCountedAndRepeated() throws Exception {
    try (TorchRuntime runtime = TorchRuntime.open("cpu", 1)) {
      Workloads workloads = new Workloads(folder, runtime, Optional.empty());
      Workloads.Workload workload = workloads.perceptron(6, 5, 7, 3);
      Batch batch = workload.batch();
      try (Model model = workloads.load(workload)) {
        assertThat(model.parameters().stream().map(Parameter::name))
            .containsExactly("l0.weight", "l0.bias", "l1.weight", "l1.bias");
        List<List<Passes.Step>> made = Passes.of(model, watched -> use(watched, batch));
        assertThat(made)
            .containsExactly(List.of(new Passes.Step(0, 6, 2), new Passes.Step(2, 4, 1)));
        assertThat(Passes.backwards(made, 6)).isEqualTo(2 + 2.0 / 6);
        Path pull = folder.resolve("pull.pt");
        Graphs.writePull(pull);
        try (BareLoop loop = BareLoop.of(model, pull, batch.inputs())) {
          made.get(0).forEach(step -> loop.pass(step.from(), step.to(), step.backwards()));
        }
        assertThat(Passes.of(model, watched -> use(watched, batch))).isEqualTo(made);
      }
    }
  }

  /** Gradients that nobody takes are not made; then no error tells that there can be none. */
  @Test
  void bareLoop_overDetachedLogits_failsSinceItMakesTheGradients() throws Exception {
    String code =
        """
        class Detached(Module):
          __parameters__ = ["weight", ]
          __buffers__ = []
          weight : Tensor
          training : bool
          def forward(self: __torch__.Detached,
            x: Tensor) -> Tensor:
            return torch.detach(torch.linear(x, self.weight))
        """;
    Path graph = folder.resolve("detached.pt");
    Map<String, Object> weight = Map.of("weight", new ScriptArchive.Parameter(List.of(3, 5), 1));
    ScriptArchive.write(graph, code, new ScriptArchive.Module("Detached", weight));
    Path pull = folder.resolve("pull.pt");
    Graphs.writePull(pull);
    try (TorchRuntime runtime = TorchRuntime.open("cpu", 1);
        Model model = runtime.load(graph, OutputSelector.FIRST)) {
      Batch batch = new Workloads(folder, runtime, Optional.empty()).perceptron(6, 5, 7, 3).batch();
      try (BareLoop loop = BareLoop.of(model, pull, batch.inputs())) {
        assertThatThrownBy(() -> loop.pass(0, 6, 1)).hasMessageContaining("does not require grad");
      }
    }
  }

  /** Two backward passes of everything, one of two examples; gradients are really there. */
  private static void use(Model model, Batch batch) throws Exception {
    try (BoundBatch bound = model.bind(batch.inputs())) {
      try (ForwardPass all = bound.forward(0, bound.examples());
          ForwardPass some = bound.forward(2, 4)) {
        pullBack(all);
        pullBack(some);
        pullBack(all);
      }
    }
  }

  private static void pullBack(ForwardPass pass) throws Exception {
    Cotangents cotangents = new Cotangents(pass.logits());
    for (int row = 0; row < pass.logits().rows(); row++) {
      cotangents.set(row, new double[] {1, -1, 0.5});
    }
    Gradient gradient = pass.pullBack(cotangents, null);
    assertThat(gradient.squaredNorm(0)).isPositive();
  }
}
