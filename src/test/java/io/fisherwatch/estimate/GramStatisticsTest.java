package io.fisherwatch.estimate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GramStatisticsTest {

  private static final int REPETITIONS = 2000;

  /** Gradients g = Aξ of Rademacher signs: F = AAᵀ. */
  private static double[][] gram(double[][] root, int probes, Random random) {
    double[][] gradients = new double[probes][root.length];
    for (double[] gradient : gradients) {
      for (int k = 0; k < root[0].length; k++) {
        double sign = random.nextBoolean() ? 1 : -1;
        for (int i = 0; i < root.length; i++) {
          gradient[i] += root[i][k] * sign;
        }
      }
    }
    double[][] gram = new double[probes][probes];
    for (int a = 0; a < probes; a++) {
      for (int b = 0; b < probes; b++) {
        gram[a][b] = product(gradients[a], gradients[b]);
      }
    }
    return gram;
  }

  private static double product(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }

  private static double[][] fisher(double[][] root) {
    double[][] fisher = new double[root.length][root.length];
    for (int i = 0; i < root.length; i++) {
      for (int j = 0; j < root.length; j++) {
        fisher[i][j] = product(root[i], root[j]);
      }
    }
    return fisher;
  }

  private static double[][] root(Random random) {
    double[][] root = new double[20][60];
    for (int i = 0; i < root.length; i++) {
      for (int k = 0; k < root[i].length; k++) {
        root[i][k] = random.nextGaussian() / (1 + 0.4 * i);
      }
    }
    return root;
  }

  @Test
  void of_golden_agrees() throws IOException {
    int checked = 0;
    try (InputStream in = GramStatisticsTest.class.getResourceAsStream("/golden/misc.json")) {
      for (JsonNode c : new ObjectMapper().readTree(in).get("gram")) {
        int probes = c.get("K").asInt();
        if (probes < 2) {
          continue;
        }
        double[][] gram = new double[probes][probes];
        for (int a = 0; a < probes; a++) {
          for (int b = 0; b < probes; b++) {
            gram[a][b] = c.get("gram").get(a).get(b).asDouble();
          }
        }
        GramStatistics statistics = GramStatistics.of(gram);
        JsonNode expected = c.get("stats");
        close(statistics.trace(), expected.get("tr"));
        close(statistics.traceOfSquare(), expected.get("tr_F2"));
        close(statistics.squaredTrace(), expected.get("tr_sq"));
        close(statistics.effectiveRank(), expected.get("eff_rank"));
        checked++;
      }
    }
    assertThat(checked).isPositive();
  }

  private static void close(double found, JsonNode expected) {
    assertThat(found).isCloseTo(expected.asDouble(), within(1e-12 * expected.asDouble()));
  }

  @Test
  void traceOfSquare_manyRepetitions_isUnbiasedWithAnHonestError() {
    Random random = new Random(5);
    double[][] root = root(random);
    double[][] fisher = fisher(root);
    double exact = 0;
    for (double[] row : fisher) {
      exact += product(row, row);
    }
    double sum = 0;
    double squares = 0;
    double jackknife = 0;
    for (int repetition = 0; repetition < REPETITIONS; repetition++) {
      GramStatistics statistics = GramStatistics.of(gram(root, 8, random));
      double d = statistics.traceOfSquare() - exact;
      sum += d;
      squares += d * d;
      jackknife += Math.pow(statistics.traceOfSquareError(), 2);
    }
    double deviation = Math.sqrt(squares / REPETITIONS);
    assertThat(Math.abs(sum / REPETITIONS / (deviation / Math.sqrt(REPETITIONS)))).isLessThan(4);
    // The jackknife overstates a little what few probes make.
    assertThat(Math.sqrt(jackknife / REPETITIONS) / deviation).isBetween(0.9, 1.4);
  }

  @Test
  void topEigenvalue_sixteenProbes_isWithinAFewPerCentOnAverage() {
    Random random = new Random(6);
    double[][] root = root(random);
    double exact = LargestEigenvalue.of(fisher(root)).value();
    double sum = 0;
    for (int repetition = 0; repetition < REPETITIONS; repetition++) {
      sum += GramStatistics.of(gram(root, 16, random)).topEigenvalue();
    }
    assertThat(sum / REPETITIONS / exact).isBetween(0.9, 1.1);
  }

  @Test
  void of_pairsNotCompared_areLeftOut() {
    double[][] gram = gram(root(new Random(7)), 5, new Random(8));
    double expected = 0;
    for (int a = 0; a < 5; a++) {
      for (int b = 0; b < 5; b++) {
        if (Math.abs(a - b) > 1) {
          gram[a][b] = Double.NaN;
        } else if (a - b == 1) {
          expected += gram[a][b] * gram[a][b] / 4;
        }
      }
    }
    GramStatistics statistics = GramStatistics.of(gram);
    assertThat(statistics.traceOfSquare()).isCloseTo(expected, within(1e-9 * expected));
    assertThat(statistics.topEigenvalue()).isNaN();
    assertThat(statistics.effectiveRankError()).isPositive();
  }

  @Test
  void of_oneProbe_isRefused() {
    assertThatThrownBy(() -> GramStatistics.of(new double[][] {{1}}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("needs two");
  }

  @Test
  void of_zeroGradients_hasNoSpectrum() {
    GramStatistics statistics = GramStatistics.of(new double[8][8]);
    assertThat(statistics.effectiveRank()).isNaN();
    assertThat(statistics.topEigenvalue()).isNaN();
    SpectrumMoments moments = new SpectrumMoments();
    moments.add(statistics);
    assertThat(moments.effectiveRank()).isNaN();
  }

  @Test
  void spectrumMoments_batchesOfTwoProbes_averageBeforeDividing() {
    Random random = new Random(9);
    double[][] root = root(random);
    double[][] fisher = fisher(root);
    double trace = 0;
    double square = 0;
    for (int i = 0; i < fisher.length; i++) {
      trace += fisher[i][i];
      square += product(fisher[i], fisher[i]);
    }
    SpectrumMoments moments = new SpectrumMoments();
    for (int batch = 0; batch < REPETITIONS; batch++) {
      moments.add(GramStatistics.of(gram(root, 2, random)));
    }
    double z = (moments.effectiveRank() - trace * trace / square) / moments.effectiveRankError();
    assertThat(Math.abs(z)).isLessThan(4);
  }

  /** Two examples of equal gradient norms: the correction fails, and the lower bound remains. */
  @ParameterizedTest
  @ValueSource(ints = {8, 16, 32})
  void topEigenvalue_thatIsThereTwice_isItsLowerBound(int probes) {
    double[][] gram = new double[probes][probes];
    for (int a = 0; a < probes; a++) {
      for (int b = 0; b < probes; b++) {
        gram[a][b] = 1 + (a % 2 == b % 2 ? 1 : -1); // columns of ones and of alternating signs
      }
    }
    GramStatistics statistics = GramStatistics.of(gram);
    assertThat(statistics.topEigenvalue()).isEqualTo(statistics.topEigenvalueLower());
  }
}
