package io.fisherwatch.monitor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Percentage.withPercentage;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TermTallyTest {

  private static TermTally tally(double scale) {
    TermTally tally = new TermTally(1);
    double[][] squares = {{1, 3}, {2, 2.5}, {0.5, 4}, {7}};
    for (double[] probes : squares) {
      double[][] byProbe = new double[probes.length][1];
      for (int probe = 0; probe < probes.length; probe++) {
        byProbe[probe][0] = scale * probes[probe];
      }
      tally.addMicroBatch(byProbe);
    }
    return tally;
  }

  private static double freedom(TermTally tally) {
    double ratio = tally.variance(0) / tally.spread(0);
    return ratio * ratio;
  }

  /** Squares of vanishing gradients: their fourth power is zero in a double. */
  @ParameterizedTest
  @ValueSource(doubles = {1e-88, 1e-30, 1e30, 1e75})
  void freedom_ofSquaresOfAnySize_isThatOfOrdinaryOnes(double scale) {
    TermTally ordinary = tally(1);
    // v = s²/2 of the three pairs: 1, 1/16 and 49/16, each of one degree of freedom
    double sum = 1 + 1.0 / 16 + 49.0 / 16;
    double squares = (1 + 1.0 / 256 + 2401.0 / 256) / 3;
    assertThat(freedom(ordinary)).isCloseTo(sum * sum / squares, withPercentage(1e-10));
    assertThat(freedom(tally(scale))).isCloseTo(freedom(ordinary), withPercentage(1e-10));
    TermTally merged = tally(scale);
    merged.merge(tally(scale));
    assertThat(freedom(merged)).isCloseTo(2 * freedom(ordinary), withPercentage(1e-10));
  }
}
