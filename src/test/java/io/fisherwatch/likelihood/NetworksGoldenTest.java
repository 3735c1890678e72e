package io.fisherwatch.likelihood;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fisherwatch.estimate.GramStatistics;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.BiFunction;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * golden/networks.json: what cotangents pull back to through small networks, against matrices made
 * from explicit Jacobians elsewhere. Relative tolerance 1e-10.
 */
class NetworksGoldenTest {

  @TestFactory
  Stream<DynamicTest> networks() throws IOException {
    try (InputStream in = NetworksGoldenTest.class.getResourceAsStream("/golden/networks.json")) {
      JsonNode cases = new ObjectMapper().readTree(in).get("cases");
      return StreamSupport.stream(cases.spliterator(), false)
          .flatMap(
              c ->
                  Stream.of(
                      DynamicTest.dynamicTest(
                          c.get("name").asText() + ", exact", () -> new Network(c).checkExact()),
                      DynamicTest.dynamicTest(
                          c.get("name").asText() + ", probes", () -> new Network(c).checkProbes()),
                      DynamicTest.dynamicTest(
                          c.get("name").asText() + ", spectrum",
                          () -> new Network(c).checkGram())));
    }
  }

  private static final class Network {

    private final JsonNode golden;
    private final FullyConnected network;
    private final double[][] inputs;

    Network(JsonNode golden) {
      this.golden = golden;
      this.network = new FullyConnected(golden);
      this.inputs = FullyConnected.matrix(golden.get("X"));
    }

    void checkExact() {
      JsonNode exact = golden.get("exact");
      checkMatrix("F", parts(0, Integer.MAX_VALUE), exact.get("F"));
      checkMatrix("LR", parts(0, 1), exact.get("LR"));
      checkMatrix("lower gap", parts(1, Integer.MAX_VALUE), exact.get("lower_gap"));
      checkMatrix("upper gap", roots((x, core) -> List.of(upperGap(core))), exact.get("upper_gap"));
      List<double[]> upper = parts(0, Integer.MAX_VALUE);
      upper.addAll(roots((x, core) -> List.of(upperGap(core))));
      checkMatrix("DG", upper, exact.get("DG"));
      checkMatrix(
          "eFIM", roots((x, core) -> List.of(empirical(core, label(x)))), exact.get("eFIM"));
      checkMatrix("multilabel", sigmoids(), exact.get("multilabel"));
    }

    private int label(int x) {
      return golden.get("y").get(x).asInt();
    }

    private static double[] upperGap(Core core) {
      double[] u = new double[core.classes()];
      core.upperGap(u);
      return u;
    }

    private static double[] empirical(Core core, int label) {
      double[] u = new double[core.classes()];
      core.empirical(label, u);
      return u;
    }

    private static List<double[]> partsOf(Core core, int from, int to) {
      List<double[]> parts = new ArrayList<>();
      for (int k = from; k < Math.min(to, core.rank()); k++) {
        double[] u = new double[core.classes()];
        core.part(k, u);
        parts.add(u);
      }
      return parts;
    }

    private List<double[]> parts(int from, int to) {
      return roots((x, core) -> partsOf(core, from, to));
    }

    /** Gradients g of single examples and rank-one parts: the matrix is the sum of ggᵀ. */
    private List<double[]> roots(BiFunction<Integer, Core, List<double[]>> cotangents) {
      return roots(Likelihood.categorical(), cotangents);
    }

    private List<double[]> sigmoids() {
      return roots(Likelihood.bernoulli(), (x, core) -> partsOf(core, 0, core.classes()));
    }

    private List<double[]> roots(
        Likelihood likelihood, BiFunction<Integer, Core, List<double[]>> cotangents) {
      List<double[]> roots = new ArrayList<>();
      for (int x = 0; x < inputs.length; x++) {
        Core core = likelihood.core(network.logits(inputs[x]));
        for (double[] u : cotangents.apply(x, core)) {
          double[] g = network.pullBack(inputs[x], u);
          Arrays.setAll(g, i -> g[i] / Math.sqrt(inputs.length));
          roots.add(g);
        }
      }
      return roots;
    }

    private void checkMatrix(String what, List<double[]> roots, JsonNode expected) {
      double[] diagonal = new double[Arrays.stream(network.layerSizes()).sum()];
      for (double[] g : roots) {
        Arrays.setAll(diagonal, i -> diagonal[i] + g[i] * g[i]);
      }
      close(what + " diagonal", diagonal, FullyConnected.vector(expected.get("diag")));
      double trace = Arrays.stream(diagonal).sum();
      close(what + " trace", trace, expected.get("trace").asDouble(), 0);
      if (expected.has("layer_trace")) {
        close(
            what + " layers", layers(diagonal), FullyConnected.vector(expected.get("layer_trace")));
      }
      if (expected.has("tr_sq_matrix")) {
        double square = 0;
        for (double[] a : roots) {
          for (double[] b : roots) {
            square += product(a, b) * product(a, b);
          }
        }
        close(what + " tr M²", square, expected.get("tr_sq_matrix").asDouble(), 0);
      }
    }

    private double[] layers(double[] diagonal) {
      int[] sizes = network.layerSizes();
      double[] layers = new double[sizes.length];
      int at = 0;
      for (int layer = 0; layer < sizes.length; layer++) {
        for (int end = at + sizes[layer]; at < end; at++) {
          layers[layer] += diagonal[at];
        }
      }
      return layers;
    }

    void checkProbes() {
      for (JsonNode probe : golden.get("probes")) {
        double[][] signs = FullyConnected.matrix(probe.get("xi"));
        double[] one = FullyConnected.vector(probe.get("xi_x"));
        checkProbe("g_F", (x, core) -> CategoricalProbe.fisher(logits(x), signs[x]), probe);
        checkProbe("g_DG", (x, core) -> CategoricalProbe.upper(logits(x), signs[x]), probe);
        checkProbe("g_upper_gap", (x, core) -> times(one[x], upperGap(core)), probe);
        checkProbe("g_LR", (x, core) -> times(one[x], partsOf(core, 0, 1).get(0)), probe);
        checkProbe(
            "g_lower_gap", (x, core) -> CategoricalProbe.remainder(logits(x), signs[x]), probe);
        double[] apart = new double[Arrays.stream(network.layerSizes()).sum()];
        for (double[] g : roots((x, core) -> List.of(split(core, logits(x), one[x], signs[x])))) {
          Arrays.setAll(apart, i -> apart[i] + g[i] * g[i]);
        }
        close(
            "squared example by example",
            apart,
            FullyConnected.vector(probe.get("per_example_sq_diag_split")));
      }
    }

    private static double[] split(Core core, double[] z, double sign, double[] signs) {
      double[] u = times(sign, partsOf(core, 0, 1).get(0));
      double[] rest = CategoricalProbe.remainder(z, signs);
      Arrays.setAll(u, i -> u[i] + rest[i]);
      return u;
    }

    private double[] logits(int x) {
      return network.logits(inputs[x]);
    }

    private static double[] times(double factor, double[] u) {
      return Arrays.stream(u).map(value -> factor * value).toArray();
    }

    private void checkProbe(
        String name, BiFunction<Integer, Core, double[]> cotangent, JsonNode probe) {
      close(
          name,
          sum(roots((x, core) -> List.of(cotangent.apply(x, core)))),
          FullyConnected.vector(probe.get(name)));
    }

    private static double[] sum(List<double[]> gradients) {
      double[] sum = new double[gradients.get(0).length];
      for (double[] g : gradients) {
        Arrays.setAll(sum, i -> sum[i] + g[i]);
      }
      return sum;
    }

    void checkGram() {
      List<double[]> gradients = new ArrayList<>();
      for (JsonNode probe : golden.get("probes")) {
        double[][] signs = FullyConnected.matrix(probe.get("xi"));
        gradients.add(
            sum(roots((x, core) -> List.of(CategoricalProbe.fisher(logits(x), signs[x])))));
      }
      double[][] gram = new double[gradients.size()][gradients.size()];
      for (int a = 0; a < gram.length; a++) {
        for (int b = 0; b < gram.length; b++) {
          gram[a][b] = product(gradients.get(a), gradients.get(b));
        }
      }
      JsonNode expected = golden.get("gram").get("F");
      double[][] matrix = FullyConnected.matrix(expected.get("gram"));
      for (int a = 0; a < gram.length; a++) {
        close("Gram row " + a, gram[a], matrix[a]);
      }
      GramStatistics statistics = GramStatistics.of(gram);
      JsonNode stats = expected.get("stats");
      close("tr F", statistics.trace(), stats.get("tr").asDouble(), 0);
      close("tr F²", statistics.traceOfSquare(), stats.get("tr_F2").asDouble(), 0);
      close("(tr F)²", statistics.squaredTrace(), stats.get("tr_sq").asDouble(), 0);
      close("effective rank", statistics.effectiveRank(), stats.get("eff_rank").asDouble(), 0);
    }

    private static double product(double[] a, double[] b) {
      double sum = 0;
      for (int i = 0; i < a.length; i++) {
        sum += a[i] * b[i];
      }
      return sum;
    }

    private static void close(String what, double[] found, double[] expected) {
      assertThat(found).as(what).hasSameSizeAs(expected);
      double largest = Arrays.stream(expected).map(Math::abs).max().orElse(0);
      for (int i = 0; i < found.length; i++) {
        close(what + " " + i, found[i], expected[i], 1e-13 * largest);
      }
    }

    private static void close(String what, double found, double expected, double absolute) {
      assertThat(Math.abs(found - expected))
          .as("%s: found %s, expected %s", what, found, expected)
          .isLessThanOrEqualTo(Math.max(1e-10 * Math.abs(expected), Math.max(absolute, 1e-13)));
    }
  }
}
