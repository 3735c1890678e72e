package io.fisherwatch.djl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.fisherwatch.runtime.ModelException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class GraphExaminerTest {

  private static final long MOST = 1 << 20;

  @TempDir private Path folder;

  private ModelException fault(Path graph) {
    return catchThrowableOfType(
        ModelException.class,
        () -> GraphExaminer.copyExamined(graph, folder.resolve("copy.pt"), MOST));
  }

  private Path with(String name, byte[] content) throws Exception {
    Map<String, byte[]> entries = Archives.entries(Archives.MODELS.resolve("mlp/graph.pt"));
    entries.put(name, content);
    return Archives.write(folder.resolve("graph.pt"), entries);
  }

  @TestFactory
  Stream<DynamicTest> copyExamined_whatExportersWrite_passes() throws Exception {
    List<Path> graphs;
    try (Stream<Path> files = Files.walk(Archives.MODELS)) {
      graphs =
          files
              .filter(file -> file.toString().endsWith(".pt") && !file.endsWith("text.pt"))
              .toList();
    }
    assertThat(graphs).hasSizeGreaterThan(20);
    return Stream.concat(
            graphs.stream(),
            Stream.of("digits.pt", "tokens.pt")
                .map(Path.of("src/main/resources/io/fisherwatch/demo")::resolve))
        .map(
            graph ->
                DynamicTest.dynamicTest(
                    graph.toString(),
                    () -> {
                      Path copy = folder.resolve("copy.pt");
                      GraphExaminer.copyExamined(graph, copy, MOST);
                      assertThat(Archives.entries(copy).keySet())
                          .isEqualTo(Archives.entries(graph).keySet());
                    }));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "_9 = torch.tanh(x)",
        "_9 = torch.format(\"a.save {} # \\\" \\\\\", x)",
        "_9 = getattr(self, \"weight\")",
        "_9 = (x).tanh()",
        "_9 = ops.prim.NumToTensor(1)",
        "_9 = torch.mul(x, 1.e5)",
        "_9 = x.dtype",
      })
  void copyExamined_harmlessLine_passes(String line) throws Exception {
    Path graph = Archives.graphWith(folder.resolve("graph.pt"), line);
    assertThatCode(() -> GraphExaminer.copyExamined(graph, folder.resolve("copy.pt"), MOST))
        .doesNotThrowAnyException();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "_9 = torch.save(x, \"/tmp/x\")",
        "_9 = torch.from_file(\"/etc/passwd\", False, 10)",
        "_9 = ops.aten.save(x, \"/tmp/x\")",
        "_9 = ops.mkldnn.anything(x)",
        "_9 = (x).save(\"/tmp/x\")",
        "_9 = x . save(\"/tmp/x\")",
        "f = torch.save",
        "t = torch",
        "o = ops",
        "o = ops.aten",
        "n = __torch__",
        "n = __torch__.torch",
        "g = getattr",
        "_9 = getattr(x, \"save\")(\"/tmp/x\")",
        "_9 = getattr(torch, \"save\")(x, \"/tmp/x\")",
        "_9 = getattr(x, \"sa\" + \"ve\")",
        "_9 = __torch__.torch.classes.dist_rpc.WorkerInfo(\"a\", 1)",
        "_9 = __torch__.networks.Other(x)",
        "_9 = __torch__.networks.Affine.save(x)",
        "_9 = fork(self.forward, x)",
        "print(x)",
        "_9 = torch.set_(x, x)",
        "_9 = torch.as_strided(x, [9], [9], 9)",
        "_9 = x.data",
        "_9 = torch._foreach_add([x], 1)",
        "_9 = torch.anything_new(x)",
        "while True: pass",
        "_9 = \"\"\"a\"\"\"",
        "_9 = '''a'''",
        "_9 = x # torch.save",
        "_9 = x \\\n    .tanh()",
        "_9 = \"\u00e4\"; \u00e4 = 1",
        "_9 = (CONSTANTS.c0).save(\"/tmp/x\")",
        "_9 = torch.torch.save(x, \"/tmp/x\")",
      })
  void copyExamined_anythingElse_isRefused(String line) throws Exception {
    Path graph = Archives.graphWith(folder.resolve("graph.pt"), line);
    ModelException fault = fault(graph);
    assertThat(fault).as(line).isNotNull();
    assertThat(fault.code()).isEqualTo("untrusted-graph");
    assertThat(fault.getMessage()).contains("networks", "line ", "files.trustedGraphs");
  }

  @Test
  void copyExamined_attributeWithTheNameOfAnOperator_doesNotLetItIn() throws Exception {
    Map<String, byte[]> entries = Archives.entries(Archives.MODELS.resolve("scripted/graph.pt"));
    String code = Archives.codeWith("_9 = (x).save(\"/tmp/x\")");
    entries.put(
        "graph/code/__torch__/networks.py",
        code.replace("  bias : Tensor\n", "  bias : Tensor\n  save : Tensor\n")
            .getBytes(StandardCharsets.US_ASCII));
    assertThat(fault(Archives.write(folder.resolve("graph.pt"), entries)).code())
        .isEqualTo("untrusted-graph");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "graph/../../etc/cron.d/x",
        "graph/code/../x.py",
        "/graph/data/0",
        "graph/.hidden",
        "graph/data/.0",
        "graph/code/.x.py",
        "other/data/0",
        ".graph/data/0",
        "graph/anything.so",
        "graph\\data\\0",
        "data.pkl",
        "graph/DATA.PKL",
        "graph/data/\u0131",
        "graph/",
      })
  void copyExamined_oddEntry_isRefused(String name) throws Exception {
    assertThat(fault(with(name, new byte[4])).code()).isEqualTo("untrusted-graph");
  }

  @Test
  void copyExamined_bomb_isRefusedInBoundedMemory() throws Exception {
    assertThat(fault(with("graph/data/99", new byte[64 << 20])).code())
        .isEqualTo("graph-too-large");
    assertThat(fault(with("graph/extra/a.pkl", new byte[65 << 20])).code())
        .isEqualTo("graph-too-large");
    assertThat(Files.size(folder.resolve("copy.pt"))).isLessThan(2 * MOST);
  }

  @Test
  void copyExamined_manyEntriesOrAComment_isNoTorchScript() throws Exception {
    Path graph = with("graph/data/99", new byte[4]);
    byte[] bytes = Files.readAllBytes(graph);
    Files.write(graph, java.util.Arrays.copyOf(bytes, bytes.length + 3));
    assertThat(fault(graph).code()).isEqualTo("bad-graph");
    assertThat(fault(Archives.MODELS.resolve("bad/text.pt")).code()).isEqualTo("bad-graph");
    assertThat(fault(Files.write(graph, new byte[0])).code()).isEqualTo("bad-graph");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "cos\nsystem\n(X\u0002\u0000\u0000\u0000idtR.",
        "cbuiltins\neval\n.",
        "c__torch__.torch.classes.a\nB\n.",
        "X\r\u0000\u0000\u0000torch.classes.",
        "\u0093.",
        "i__main__\nx\n.",
        "(((",
        "X\u00ff\u00ff\u00ff\u007f",
        "X\u0000\u0000\u0000\u00ff.",
      })
  void copyExamined_hostilePickle_isRefused(String pickle) throws Exception {
    byte[] bytes = pickle.getBytes(StandardCharsets.ISO_8859_1);
    assertThat(fault(with("graph/data.pkl", bytes)).code()).isEqualTo("untrusted-graph");
  }

  @Test
  void copyExamined_longCode_takesTimeInProportion() throws Exception {
    String path = "x" + ".weight".repeat(1_000_000);
    String calls = "getattr(".repeat(500_000);
    for (String line : List.of(path, "__torch__" + ".a".repeat(2_000_000), calls)) {
      long start = System.nanoTime();
      fault(Archives.graphWith(folder.resolve("graph.pt"), line));
      assertThat((System.nanoTime() - start) / 1e9).as("seconds").isLessThan(10);
    }
  }
}
