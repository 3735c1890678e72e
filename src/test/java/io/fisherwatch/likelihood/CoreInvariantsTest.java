package io.fisherwatch.likelihood;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CoreInvariantsTest {

  /** Random, tied, nearly tied, uniform and confident logits of 2 to 60 classes. */
  private static List<double[]> grid() {
    List<double[]> grid = new ArrayList<>();
    for (int classes : new int[] {2, 3, 4, 7, 10, 60}) {
      for (int seed = 0; seed < 4; seed++) {
        Probe probe = Probe.of(Distribution.GAUSSIAN, classes, seed);
        for (double spread : new double[] {0.1, 1, 5, 30}) {
          double[] z = new double[classes];
          Arrays.setAll(z, i -> spread * probe.next());
          grid.add(z);
          for (double gap : new double[] {0, 1e-15, 1e-12, 1e-8, 1e-3}) {
            double[] tied = z.clone();
            for (int i = 1; i < classes; i += 2) {
              tied[i] = tied[i - 1] - gap;
            }
            grid.add(tied);
          }
        }
      }
      grid.add(new double[classes]);
      double[] peak = new double[classes];
      peak[classes - 1] = 30;
      grid.add(peak);
      double[] far = new double[classes];
      far[0] = 800;
      grid.add(far);
      double[] absent = new double[classes];
      absent[classes - 1] = Double.NEGATIVE_INFINITY;
      grid.add(absent);
    }
    return grid;
  }

  private static double[] probabilities(double[] z) {
    Softmax softmax = Softmax.of(z);
    double[] p = new double[z.length];
    Arrays.setAll(p, softmax::probability);
    return p;
  }

  @Test
  void parts_all_sumToTheCoreMatrix() {
    for (double[] z : grid()) {
      Core core = Likelihood.categorical().core(z);
      double[] p = probabilities(z);
      double[][] left = new double[z.length][z.length];
      for (int i = 0; i < z.length; i++) {
        for (int j = 0; j < z.length; j++) {
          left[i][j] = (i == j ? p[i] : 0) - p[i] * p[j];
        }
      }
      double[] u = new double[z.length];
      for (int k = 0; k < core.rank(); k++) {
        core.part(k, u);
        for (int i = 0; i < z.length; i++) {
          for (int j = 0; j < z.length; j++) {
            left[i][j] -= u[i] * u[j];
          }
        }
      }
      for (double[] row : left) {
        for (double entry : row) {
          assertThat(Math.abs(entry)).as("left over of %s", Arrays.toString(z)).isLessThan(1e-14);
        }
      }
    }
  }

  /** Entry by entry, in units of the two roots: rows of the least likely classes are as good. */
  @Test
  void exactParts_all_sumToTheCoreMatrixAndTheFirstIsTheLeading() {
    for (double[] z : grid()) {
      Core core = Likelihood.categorical().core(z);
      Softmax softmax = Softmax.of(z);
      double[][] sum = new double[z.length][z.length];
      double[] u = new double[z.length];
      double[] leading = new double[z.length];
      core.part(0, leading);
      for (int k = 0; k < z.length - 1; k++) {
        core.exactPart(k, u);
        if (k == 0) {
          assertThat(u).isEqualTo(leading);
        }
        for (int i = 0; i < z.length; i++) {
          for (int j = 0; j < z.length; j++) {
            sum[i][j] += u[i] * u[j];
          }
        }
      }
      for (int i = 0; i < z.length; i++) {
        for (int j = 0; j < z.length; j++) {
          double p = softmax.probability(i);
          double scale = softmax.root(i) * softmax.root(j);
          double entry = i == j ? p * (1 - p) : -p * softmax.probability(j);
          assertThat(Math.abs(sum[i][j] - entry))
              .as("entry %d, %d of %s", i, j, Arrays.toString(z))
              .isLessThanOrEqualTo(2e-14 * scale);
        }
      }
      // the likeliest class by what the others have, which does not cancel
      int top = softmax.top;
      double tail = softmax.largest() * softmax.tailMass();
      assertThat(Math.abs(sum[top][top] - tail))
          .as("likeliest of %s", Arrays.toString(z))
          .isLessThanOrEqualTo(1e-13 * tail);
    }
  }

  @Test
  void eigenvalues_all_fallAndInterlace() {
    for (double[] z : grid()) {
      Core core = Likelihood.categorical().core(z);
      double[] p = probabilities(z);
      Arrays.sort(p);
      for (int k = 0; k < core.rank(); k++) {
        double above = p[z.length - 1 - k];
        double below = p[z.length - 2 - k];
        assertThat(core.eigenvalue(k))
            .as("eigenvalue %d of %s", k, Arrays.toString(z))
            .isBetween(below * (1 - 1e-13), above * (1 + 1e-13));
      }
    }
  }

  @Test
  void cotangents_ofF_sumToZeroExactly() {
    for (double[] z : grid()) {
      Core core = Likelihood.categorical().core(z);
      double[] u = new double[z.length];
      core.fisher(Probe.of(Distribution.RADEMACHER, 1), u);
      Sum sum = new Sum();
      Arrays.stream(u).forEach(sum::add);
      assertThat(sum.value()).isCloseTo(0, org.assertj.core.data.Offset.offset(1e-16));
      core.remainder(core.rank(), Probe.of(Distribution.RADEMACHER, 1), u);
      assertThat(u).containsOnly(0);
    }
  }

  @ParameterizedTest
  @CsvSource({"5, 0", "5, 1", "5, 3", "24, 0", "24, 1", "24, 6"})
  void rest_manyProbes_hasTheCovarianceOfWhatIsLeft(int classes, int parts) {
    double[] logits = new double[classes];
    for (int i = 0; i < classes; i++) {
      logits[i] = 2 * Math.sin(1.7 * i);
    }
    Core core = Likelihood.categorical().core(logits);
    double[][] expected = new double[classes][classes];
    double[] u = new double[classes];
    for (int k = parts; k < core.rank(); k++) {
      core.part(k, u);
      for (int i = 0; i < classes; i++) {
        for (int j = 0; j < classes; j++) {
          expected[i][j] += u[i] * u[j];
        }
      }
    }
    int draws = 20_000;
    double[][] sum = new double[classes][classes];
    double[][] squares = new double[classes][classes];
    for (int draw = 0; draw < draws; draw++) {
      core.rest(parts, Probe.of(Distribution.RADEMACHER, 3, draw), u);
      for (int i = 0; i < classes; i++) {
        for (int j = 0; j < classes; j++) {
          double product = u[i] * u[j];
          sum[i][j] += product;
          squares[i][j] += product * product;
        }
      }
    }
    for (int i = 0; i < classes; i++) {
      for (int j = 0; j < classes; j++) {
        double mean = sum[i][j] / draws;
        double error = Math.sqrt(Math.max(0, squares[i][j] / draws - mean * mean) / draws);
        assertThat(Math.abs(mean - expected[i][j])).isLessThan(4 * error + 1e-12);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {10, 50, 200, 400, 600, 700, 800, 1000, 1500})
  void parts_ofLogitsFarApart_areFiniteAndAddUpToTheMatrix(double spread) {
    for (int seed = 0; seed < 50; seed++) {
      Random random = new Random(seed);
      double[] z = new double[10];
      for (int i = 0; i < z.length; i++) {
        z[i] =
            i == 3 || (seed % 2 == 1 && i == 5) ? 0 : -spread * (0.5 * random.nextDouble() + 0.5);
      }
      Core core = Likelihood.categorical().core(z);
      Softmax softmax = Softmax.of(z);
      double[][] sum = new double[z.length][z.length];
      double[] u = new double[z.length];
      boolean eigenpairs = seed % 3 == 0;
      for (int k = 0; k < (eigenpairs ? core.rank() : z.length - 1); k++) {
        if (eigenpairs) {
          core.part(k, u);
        } else {
          core.exactPart(k, u);
        }
        assertThat(Arrays.stream(u).allMatch(Double::isFinite))
            .as("part %d of %d", k, seed)
            .isTrue();
        for (int i = 0; i < z.length; i++) {
          for (int j = 0; j < z.length; j++) {
            sum[i][j] += u[i] * u[j];
          }
        }
      }
      for (int i = 0; i < z.length; i++) {
        double p = softmax.probability(i);
        double others = 0;
        for (int j = 0; j < z.length; j++) {
          others += j == i ? 0 : softmax.probability(j);
        }
        assertThat(sum[i][i])
            .as("entry %d of seed %d", i, seed)
            .isCloseTo(
                p * others, org.assertj.core.data.Offset.offset(1e-12 * p * others + 1e-300));
      }
    }
  }

  /** To first order the eigenvectors hang on the ratios of the logits' differences alone. */
  @Test
  void parts_ofLogitsThatAllButAgree_pointWhereThoseOfLargerDifferencesDo() {
    double[] shape = {0.3, -1, 2, 0.1, -0.7, 1.1};
    Core wide = Likelihood.categorical().core(scaled(shape, 1e-8));
    Core narrow = Likelihood.categorical().core(scaled(shape, 1.37e-13));
    double[] u = new double[shape.length];
    double[] v = new double[shape.length];
    for (int k = 0; k < wide.rank(); k++) {
      wide.part(k, u);
      narrow.part(k, v);
      double sign = Math.signum(u[0] * v[0]);
      for (int i = 0; i < u.length; i++) {
        assertThat(sign * v[i])
            .as("entry %d of part %d", i, k)
            .isCloseTo(u[i], org.assertj.core.data.Offset.offset(1e-7));
      }
    }
  }

  private static double[] scaled(double[] values, double factor) {
    return Arrays.stream(values).map(value -> value * factor).toArray();
  }

  @Test
  void remainder_ofTwoClasses_isZero() {
    Core core = Likelihood.categorical().core(new double[] {0.3, -1});
    double[] u = new double[2];
    core.remainder(1, Probe.of(Distribution.RADEMACHER, 1), u);
    assertThat(u).containsOnly(0);
    assertThat(core.rank()).isEqualTo(1);
  }

  @Test
  void logits_notFinite_areRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Likelihood.categorical().core(new double[] {0, Double.NaN}))
        .withMessageContaining("logit 1 is NaN");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Likelihood.bernoulli().core(new double[] {Double.POSITIVE_INFINITY}))
        .withMessageContaining("Infinity");
  }
}
