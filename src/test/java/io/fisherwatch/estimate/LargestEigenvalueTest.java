package io.fisherwatch.estimate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LargestEigenvalueTest {

  /** QΛQᵀ with Q a product of reflections. */
  private static double[][] matrix(double[] eigenvalues, long seed) {
    int n = eigenvalues.length;
    double[][] a = new double[n][n];
    for (int i = 0; i < n; i++) {
      a[i][i] = eigenvalues[i];
    }
    SplittableRandom random = new SplittableRandom(seed);
    for (int times = 0; times < n; times++) {
      double[] v = random.doubles(n, -1, 1).toArray();
      double square = Arrays.stream(v).map(x -> x * x).sum();
      a = reflected(transposed(reflected(a, v, square)), v, square);
    }
    return a;
  }

  private static double[][] reflected(double[][] a, double[] v, double square) {
    double[][] result = new double[a.length][];
    for (int i = 0; i < a.length; i++) {
      double along = 0;
      for (int j = 0; j < v.length; j++) {
        along += a[i][j] * v[j];
      }
      double twice = 2 * along / square;
      double[] row = a[i].clone();
      for (int j = 0; j < v.length; j++) {
        row[j] -= twice * v[j];
      }
      result[i] = row;
    }
    return result;
  }

  private static double[][] transposed(double[][] a) {
    double[][] result = new double[a.length][a.length];
    for (int i = 0; i < a.length; i++) {
      for (int j = 0; j < a.length; j++) {
        result[j][i] = a[i][j];
      }
    }
    return result;
  }

  private static double crowding(double[] descending) {
    return Arrays.stream(descending, 1, descending.length).map(x -> x / (descending[0] - x)).sum();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 5, 15, 16, 60, 400})
  void of_aRotatedDiagonal_isItsLargestEntryAndHowNearTheOthersAre(int n) {
    double[] expected = new SplittableRandom(n).doubles(n, -3, 9).toArray();
    double[] sorted = Arrays.stream(expected).map(x -> -x).sorted().map(x -> -x).toArray();
    LargestEigenvalue found = LargestEigenvalue.of(matrix(expected, 7L * n));
    assertThat(found.value()).isCloseTo(sorted[0], within(1e-12));
    double crowding = crowding(sorted);
    assertThat(found.crowding()).isCloseTo(crowding, within(1e-9 * (1 + Math.abs(crowding))));
  }

  @Test
  void of_aDiagonal_whoseMinorsAreZeroThere_isItsLargestEntry() {
    double[][] diagonal = {{5, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, -2, 0}, {0, 0, 0, 3}};
    LargestEigenvalue found = LargestEigenvalue.of(diagonal);
    assertThat(found.value()).isEqualTo(5);
    double crowding = crowding(new double[] {5, 3, 1, -2});
    assertThat(found.crowding()).isCloseTo(crowding, within(1e-12));
  }

  @Test
  void of_aDominantEigenvalue_keepsTheDigitsOfBoth() {
    double[] values = {1, 1e-9, 2e-10, 0, 0, 0, 0, 0};
    LargestEigenvalue found = LargestEigenvalue.of(matrix(values, 3));
    assertThat(found.value()).isCloseTo(1, within(1e-14));
    assertThat(found.crowding()).isCloseTo(1.2e-9, within(1e-13));
  }

  @Test
  void of_theLargestTwice_isThatAndCrowdedBeyondMeasure() {
    for (int seed = 1; seed < 20; seed++) {
      LargestEigenvalue found = LargestEigenvalue.of(matrix(new double[] {5, 2, 0, 2, 5, 1}, seed));
      assertThat(found.value()).isCloseTo(5, within(1e-7));
      assertThat(found.crowding()).isGreaterThan(1e6);
    }
  }

  @Test
  void of_manyNearTheLargest_isFoundAllTheSame() {
    double[] values = new double[64];
    for (int i = 0; i < values.length; i++) {
      values[i] = i % 2 == 0 ? 1 - 1e-9 * i / 64 : 0.5 * i / 64;
    }
    assertThat(LargestEigenvalue.of(matrix(values, 3)).value()).isCloseTo(1, within(1e-13));
  }

  @ParameterizedTest
  @ValueSource(doubles = {1e-250, 1e250})
  void of_valuesAtTheEndsOfTheRange_neitherUnderNorOverflow(double unit) {
    double[] values = {3 * unit, unit, 2 * unit};
    LargestEigenvalue found = LargestEigenvalue.of(matrix(values, 1));
    assertThat(found.value() / unit).isCloseTo(3, within(1e-14));
    assertThat(found.crowding()).isCloseTo(2.5, within(1e-13));
  }

  @Test
  void of_zeros_isZero() {
    assertThat(LargestEigenvalue.of(new double[4][4]).value()).isZero();
  }

  @Test
  void of_notANumber_isNotANumber() {
    double[][] matrix = {{1, Double.NaN, 0}, {Double.NaN, 2, 1}, {0, 1, 3}};
    assertThat(LargestEigenvalue.of(matrix).value()).isNaN();
  }
}
