package io.fisherwatch.estimate;

import java.util.Arrays;

/** Eigenvalues of small symmetric matrices by Jacobi's rotations. */
final class SymmetricEigenvalues {

  private static final int MOST_SWEEPS = 30;

  private SymmetricEigenvalues() {}

  /** The eigenvalues, largest first; the matrix is overwritten. */
  static double[] of(double[][] matrix) {
    int n = matrix.length;
    for (int sweep = 0;
        sweep < MOST_SWEEPS && offDiagonal(matrix) > 1e-28 * norm(matrix);
        sweep++) {
      for (int p = 0; p < n; p++) {
        for (int q = p + 1; q < n; q++) {
          rotate(matrix, p, q);
        }
      }
    }
    double[] values = new double[n];
    for (int i = 0; i < n; i++) {
      values[i] = -matrix[i][i];
    }
    Arrays.sort(values);
    return Arrays.stream(values).map(value -> -value).toArray();
  }

  /** Makes the entry at (p, q) zero. */
  private static void rotate(double[][] matrix, int p, int q) {
    if (matrix[p][q] == 0) {
      return;
    }
    double theta = (matrix[q][q] - matrix[p][p]) / (2 * matrix[p][q]);
    double tangent = Math.copySign(1, theta) / (Math.abs(theta) + Math.hypot(1, theta));
    double cosine = 1 / Math.hypot(1, tangent);
    double sine = tangent * cosine;
    for (int k = 0; k < matrix.length; k++) {
      double kp = matrix[k][p];
      double kq = matrix[k][q];
      matrix[k][p] = cosine * kp - sine * kq;
      matrix[k][q] = sine * kp + cosine * kq;
    }
    for (int k = 0; k < matrix.length; k++) {
      double pk = matrix[p][k];
      double qk = matrix[q][k];
      matrix[p][k] = cosine * pk - sine * qk;
      matrix[q][k] = sine * pk + cosine * qk;
    }
  }

  private static double offDiagonal(double[][] matrix) {
    double sum = 0;
    for (int i = 0; i < matrix.length; i++) {
      for (int j = 0; j < i; j++) {
        sum += matrix[i][j] * matrix[i][j];
      }
    }
    return sum;
  }

  private static double norm(double[][] matrix) {
    return Arrays.stream(matrix).flatMapToDouble(Arrays::stream).map(value -> value * value).sum();
  }
}
