package io.fisherwatch.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Graphs that are made on the spot. */
final class Graphs {

  private static final String LINEAR =
      """
      class Linear(Module):
        __parameters__ = ["weight", "bias", ]
        __buffers__ = []
        weight : Tensor
        bias : Tensor
        training : bool
        def forward(self: __torch__.Linear,
          x: Tensor) -> Tensor:
          return torch.linear(x, self.weight, self.bias)
      """;

  /**
   * Vector-Jacobian products as libtorch makes them, and nothing else. Their number is returned,
   * since of gradients that nobody takes the compiler makes none.
   */
  private static final String PULL =
      """
      class Pull(Module):
        __parameters__ = []
        __buffers__ = []
        training : bool
        def pull(self: __torch__.Pull,
          logits: Tensor,
          cotangents: Tensor,
          parameters: List[Tensor]) -> List[Tensor]:
          outputs = [logits]
          given = annotate(Optional[List[Optional[Tensor]]], [cotangents])
          grads = torch.autograd.grad(outputs, parameters, given, True, False, True)
          return [torch.tensor(torch.len(grads))]
        def forward(self: __torch__.Pull,
          x: Tensor) -> Tensor:
          return x
      """;

  private Graphs() {}

  /** Writes the graph of {@link io.fisherwatch.djl.BareLoop}. */
  static void writePull(Path file) throws IOException {
    ScriptArchive.write(file, PULL, new ScriptArchive.Module("Pull", Map.of()));
  }

  /**
   * Writes a perceptron with ReLU between its layers, which are called {@code l0}, {@code l1}, …
   *
   * @param widths of the input, of the hidden layers, of the logits
   * @return its number of parameters
   */
  static long writePerceptron(Path file, int... widths) throws IOException {
    StringBuilder fields = new StringBuilder();
    StringBuilder body = new StringBuilder();
    Map<String, Object> layers = new LinkedHashMap<>();
    long parameters = 0;
    String last = "x";
    for (int i = 0; i + 1 < widths.length; i++) {
      double bound =
          Math.sqrt(6.0 / widths[i]); // He et al. 2015: no layer shrinks what goes through
      Map<String, Object> linear = new LinkedHashMap<>();
      linear.put("weight", new ScriptArchive.Parameter(List.of(widths[i + 1], widths[i]), bound));
      linear.put("bias", new ScriptArchive.Parameter(List.of(widths[i + 1]), bound));
      layers.put("l" + i, new ScriptArchive.Module("Linear", linear));
      fields.append("  l").append(i).append(" : __torch__.Linear\n");
      String input = i == 0 ? last : "torch.relu(" + last + ")";
      body.append("    h%d = (self.l%d).forward(%s, )\n".formatted(i, i, input));
      last = "h" + i;
      parameters += (long) widths[i] * widths[i + 1] + widths[i + 1];
    }
    String code =
        LINEAR
            + "class Perceptron(Module):\n  __parameters__ = []\n  __buffers__ = []\n"
            + "  training : bool\n"
            + fields
            + "  def forward(self: __torch__.Perceptron,\n    x: Tensor) -> Tensor:\n"
            + body
            + "    return "
            + last
            + "\n";
    ScriptArchive.write(file, code, new ScriptArchive.Module("Perceptron", layers));
    return parameters;
  }
}
