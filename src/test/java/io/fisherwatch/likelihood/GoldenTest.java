package io.fisherwatch.likelihood;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** The vectors in golden/: core.json from 60 digits, core_generated.json and cotangents.json. */
class GoldenTest {

  /** Twenty of the least numbers that a double can tell from 0. */
  private static final double FEW_SUBNORMALS = 20 * Double.MIN_VALUE;

  private static Stream<JsonNode> cases(String file) throws IOException {
    try (InputStream in = GoldenTest.class.getResourceAsStream("/golden/" + file)) {
      JsonNode root = new ObjectMapper().readTree(in);
      return StreamSupport.stream(root.get("cases").spliterator(), false);
    }
  }

  private static double number(JsonNode node) {
    if (node.isTextual()) {
      return node.asText().equals("inf") ? Double.POSITIVE_INFINITY : Double.NEGATIVE_INFINITY;
    }
    return node.asDouble();
  }

  private static double[] array(JsonNode node) {
    return StreamSupport.stream(node.spliterator(), false)
        .mapToDouble(GoldenTest::number)
        .toArray();
  }

  private static void close(String what, double found, double expected, double absolute) {
    if (Double.isInfinite(expected)) {
      assertThat(found).as(what).isEqualTo(expected);
      return;
    }
    double tolerance = Math.max(Math.max(1e-12 * Math.abs(expected), absolute), FEW_SUBNORMALS);
    assertThat(Math.abs(found - expected))
        .as("%s: found %s, expected %s", what, found, expected)
        .isLessThanOrEqualTo(tolerance);
  }

  @TestFactory
  Stream<DynamicTest> core() throws IOException {
    return cases("core.json")
        .map(c -> DynamicTest.dynamicTest(c.get("name").asText(), () -> checkCore(c)));
  }

  private static void checkCore(JsonNode c) {
    double[] z = array(c.get("z"));
    Softmax softmax = Softmax.of(z);
    TopEigenpair top = TopEigenpair.of(softmax);
    assertThat(softmax.top).isEqualTo(c.get("argmax").asInt());
    double[] p = array(c.get("p"));
    double[] roots = array(c.get("sqrt_p"));
    double[] v = array(c.get("v"));
    for (int i = 0; i < z.length; i++) {
      close("p " + i, softmax.probability(i), p[i], FEW_SUBNORMALS);
      close("root " + i, softmax.root(i), roots[i], FEW_SUBNORMALS);
      close("v " + i, top.vector[i], v[i], 1e-13);
    }
    double logValue = number(c.get("log_lambda_max"));
    close("log λ", top.logValue, logValue, 1e-12 * Math.max(1, Math.abs(logValue)));
    double value = c.get("lambda_max").asDouble();
    double amplified = Double.isInfinite(logValue) ? 0 : 1e-16 * Math.abs(logValue);
    close("λ", top.value, value, Math.max(FEW_SUBNORMALS, (1e-13 + amplified) * value));
    double root = c.get("sqrt_lambda_max").asDouble();
    close("√λ", top.root(), root, Math.max(FEW_SUBNORMALS, (1e-12 + amplified) * root));
    close("trace", softmax.trace(), c.get("trace").asDouble(), FEW_SUBNORMALS);
    close("‖p‖²", softmax.squaredNorm(), c.get("upper_gap_norm").asDouble(), 0);
    if (c.hasNonNull("eigenvalues")) {
      checkSpectrum(c, new Eigenpairs(softmax));
    }
    checkBounds(c, CoreBounds.of(z));
  }

  private static void checkSpectrum(JsonNode c, Eigenpairs pairs) {
    double[] ascending = array(c.get("eigenvalues"));
    for (int k = 0; k < pairs.rank(); k++) {
      close("eigenvalue " + k, pairs.value(k), ascending[ascending.length - 1 - k], 1e-15);
    }
  }

  private static void checkBounds(JsonNode c, CoreBounds bounds) {
    JsonNode lower = c.get("lower_bounds");
    double scale = 1e-13 * largest(lower);
    close("second_p", bounds.lowerSecond(), lower.get("second_p").asDouble(), scale);
    close("diagonal", bounds.lowerDiagonal(), lower.get("diagonal").asDouble(), scale);
    close("mean", bounds.lowerMean(), lower.get("mean").asDouble(), scale);
    close("centred", bounds.lowerCentred(), lower.get("centred").asDouble(), scale);
    close("two_by_two", bounds.lowerMinor(), lower.get("two_by_two").asDouble(), scale);
    close("tail", bounds.lowerTail(), lower.get("tail").asDouble(), scale);
    close("three_pole", bounds.lowerPoles(), lower.get("three_pole").asDouble(), scale);
    JsonNode upper = c.get("upper_bounds");
    double above = 1e-13 * largest(upper);
    close("p_max", bounds.upperLargest(), upper.get("p_max").asDouble(), above);
    close("gershgorin", bounds.upperGershgorin(), upper.get("gershgorin").asDouble(), above);
    close("trace", bounds.upperTrace(), upper.get("trace").asDouble(), above);
    close("tail", bounds.upperTail(), upper.get("tail").asDouble(), above);
    close("three_pole", bounds.upperPoles(), upper.get("three_pole").asDouble(), above);
    JsonNode gap = c.get("lower_gap");
    double left = Math.max(1e-13 * largest(gap), 1e-14 * c.get("trace").asDouble());
    close("trace_lower", bounds.gapTraceLower(), gap.get("trace_lower").asDouble(), left);
    close("trace_upper", bounds.gapTraceUpper(), gap.get("trace_upper").asDouble(), left);
    close(
        "interlace_trace_lower",
        bounds.interlacedTraceLower(),
        gap.get("interlace_trace_lower").asDouble(),
        left);
    close(
        "interlace_trace_upper",
        bounds.interlacedTraceUpper(),
        gap.get("interlace_trace_upper").asDouble(),
        left);
    close(
        "trimmed 2",
        bounds.withoutTwoLargest(),
        gap.get("trimmed_norm_drop_two_largest").asDouble(),
        left);
    close(
        "trimmed 1, 1",
        bounds.withoutExtremes(),
        gap.get("trimmed_norm_drop_largest_and_smallest").asDouble(),
        left);
    close(
        "trimmed 1",
        bounds.withoutLargest(),
        gap.get("trimmed_norm_drop_largest").asDouble(),
        left);
  }

  private static double largest(JsonNode object) {
    return StreamSupport.stream(object.spliterator(), false)
        .mapToDouble(value -> Math.abs(value.asDouble()))
        .max()
        .orElse(0);
  }

  @TestFactory
  Stream<DynamicTest> generated() throws IOException {
    return cases("core_generated.json")
        .map(c -> DynamicTest.dynamicTest(c.get("generator").toString(), () -> checkGenerated(c)));
  }

  private static double[] generate(JsonNode g) {
    double[] z = new double[g.get("C").asInt()];
    for (int i = 0; i < z.length; i++) {
      z[i] =
          switch (g.get("kind").asText()) {
            case "zipf" -> -g.get("s").asDouble() * Math.log(i + 1.0);
            case "linear" -> -g.get("s").asDouble() * i / z.length;
            case "cosine" -> g.get("s").asDouble() * Math.cos(g.get("f").asDouble() * i);
            default -> 0;
          };
    }
    if (g.has("height")) {
      z[g.get("at").asInt()] = g.get("height").asDouble();
    }
    if (g.has("at2")) {
      z[g.get("at2").asInt()] = g.get("height").asDouble() - g.get("diff").asDouble();
    }
    return z;
  }

  private static void checkGenerated(JsonNode c) {
    double[] z = generate(c.get("generator"));
    Softmax softmax = Softmax.of(z);
    TopEigenpair top = TopEigenpair.of(softmax);
    relative("lam", top.value, c.get("lam").asDouble());
    relative("trace", softmax.trace(), c.get("trace").asDouble());
    CoreBounds bounds = CoreBounds.of(z);
    relative("three", bounds.lowerPoles(), c.get("lam_lower_three").asDouble());
    relative("three", bounds.upperPoles(), c.get("lam_upper_three").asDouble());
    double sum = 0;
    double fourth = 0;
    for (double entry : top.vector) {
      sum += Math.abs(entry);
      fourth += entry * entry * entry * entry;
    }
    // The vectors were made from logits before they were rounded to doubles; next to a near-tie the
    // eigenvector moves by that rounding over the gap.
    double gap = -softmax.shifted[softmax.second];
    double rounding = gap > 0 ? Math.ulp(z[softmax.top]) / gap : 0;
    relative("Σ|v|", sum, c.get("v_abs_sum").asDouble(), rounding);
    relative("Σv⁴", fourth, c.get("v_pow4_sum").asDouble(), rounding);
  }

  private static void relative(String what, double found, double expected) {
    relative(what, found, expected, 0);
  }

  private static void relative(String what, double found, double expected, double rounding) {
    assertThat(Math.abs(found - expected))
        .as("%s: found %s, expected %s", what, found, expected)
        .isLessThanOrEqualTo(Math.max(1e-10, rounding) * Math.abs(expected));
  }

  @TestFactory
  Stream<DynamicTest> cotangents() throws IOException {
    return cases("cotangents.json")
        .map(c -> DynamicTest.dynamicTest(c.get("name").asText(), () -> checkCotangents(c)));
  }

  /** Linear in the signs: told by the covariance's root, which unit signs reveal. */
  private static void checkCotangents(JsonNode c) {
    for (int n = 0; n < c.get("N").asInt(); n++) {
      double[] z = array(c.get("z").get(n));
      Core core = Likelihood.categorical().core(z);
      double sign = c.get("xi_x").get(n).asDouble();
      double[] u = new double[z.length];
      core.part(0, u);
      compare("LR", u, sign, array(c.get("u_LR").get(n)));
      core.upperGap(u);
      compare("upper gap", u, sign, array(c.get("u_upper_gap").get(n)));
      core.empirical(c.get("y").get(n).asInt(), u);
      compare("label", u, 1, array(c.get("u_label").get(n)));
      compare("empirical", u, sign, array(c.get("u_efim").get(n)));
      double[] signs = array(c.get("xi").get(n));
      u = CategoricalProbe.fisher(z, signs);
      compare("F", u, 1, array(c.get("u_F").get(n)));
      compare("DG", CategoricalProbe.upper(z, signs), 1, array(c.get("u_DG").get(n)));
    }
  }

  private static void compare(String what, double[] u, double sign, double[] expected) {
    double most = 1;
    for (double entry : expected) {
      most = Math.max(most, Math.abs(entry));
    }
    for (int i = 0; i < u.length; i++) {
      assertThat(Math.abs(sign * u[i] - expected[i]))
          .as("%s %d: found %s, expected %s", what, i, sign * u[i], expected[i])
          .isLessThanOrEqualTo(1e-14 * most);
    }
  }
}
