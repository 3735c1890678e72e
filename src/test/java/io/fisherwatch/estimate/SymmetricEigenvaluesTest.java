package io.fisherwatch.estimate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SymmetricEigenvaluesTest {

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

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 5, 15, 16, 60})
  void of_aRotatedDiagonal_isThatDiagonal(int n) {
    double[] expected = new SplittableRandom(n).doubles(n, -3, 9).toArray();
    double[] found = SymmetricEigenvalues.of(matrix(expected, 7L * n));
    double[] sorted = Arrays.stream(expected).map(x -> -x).sorted().map(x -> -x).toArray();
    assertThat(found).containsExactly(sorted, within(1e-12));
  }

  @Test
  void of_repeatedAndZeroEigenvalues_areAllFound() {
    double[] found = SymmetricEigenvalues.of(matrix(new double[] {2, 0, 2, 0, 0, 5, 2, -1}, 3));
    assertThat(found).containsExactly(new double[] {5, 2, 2, 2, 0, 0, 0, -1}, within(1e-13));
  }

  @ParameterizedTest
  @ValueSource(doubles = {1e-250, 1e250})
  void of_valuesAtTheEndsOfTheRange_neitherUnderNorOverflow(double unit) {
    double[] found = SymmetricEigenvalues.of(matrix(new double[] {3 * unit, unit, 2 * unit}, 1));
    assertThat(found[0] / unit).isCloseTo(3, within(1e-14));
    assertThat(found[2] / unit).isCloseTo(1, within(1e-14));
  }

  @Test
  void of_zeros_isZeros() {
    assertThat(SymmetricEigenvalues.of(new double[4][4])).containsExactly(0, 0, 0, 0);
  }

  @Test
  void of_notANumber_endsWithAnError() {
    double[][] matrix = {{1, Double.NaN, 0}, {Double.NaN, 2, 1}, {0, 1, 3}};
    assertThatThrownBy(() -> SymmetricEigenvalues.of(matrix))
        .isInstanceOf(ArithmeticException.class);
  }
}
