package io.fisherwatch.estimate;

import java.util.Arrays;

/**
 * Eigenvalues of small symmetric matrices: Householder's reflections to a tridiagonal matrix, then
 * the QL iteration with implicit shifts (Golub and Van Loan, Matrix Computations, chapter 8).
 */
final class SymmetricEigenvalues {

  private static final int MOST_STEPS = 60;

  private SymmetricEigenvalues() {}

  /**
   * The eigenvalues, largest first; the matrix is overwritten.
   *
   * @throws ArithmeticException if the iteration does not end, as with values that are not finite
   */
  static double[] of(double[][] matrix) {
    int n = matrix.length;
    double unit = takeOutUnit(matrix);
    double[] diagonal = new double[n];
    double[] beside = new double[n];
    reduce(matrix, diagonal, beside);
    for (int first = 0; first < n; first++) {
      settle(diagonal, beside, first);
    }
    for (int i = 0; i < n; i++) {
      diagonal[i] *= -unit;
    }
    Arrays.sort(diagonal);
    for (int i = 0; i < n; i++) {
      diagonal[i] = -diagonal[i];
    }
    return diagonal;
  }

  /** Divides by the largest entry, so that no square leaves the range; 1 for zeros. */
  private static double takeOutUnit(double[][] matrix) {
    double unit = 0;
    for (double[] row : matrix) {
      for (double value : row) {
        unit = Math.max(unit, Math.abs(value));
      }
    }
    if (unit == 0) {
      return 1;
    }
    for (double[] row : matrix) {
      for (int j = 0; j < row.length; j++) {
        row[j] /= unit;
      }
    }
    return unit;
  }

  /** Reflects column after column until only the diagonal and its neighbour are left. */
  private static void reduce(double[][] a, double[] diagonal, double[] beside) {
    int n = a.length;
    double[] v = new double[n];
    double[] w = new double[n];
    for (int k = 0; k < n; k++) {
      diagonal[k] = a[k][k];
      if (k == n - 1) {
        break;
      }
      double largest = 0;
      for (int i = k + 1; i < n; i++) {
        largest = Math.max(largest, Math.abs(a[i][k]));
      }
      if (largest == 0) {
        continue;
      }
      double squares = 0;
      for (int i = k + 1; i < n; i++) {
        v[i] = a[i][k] / largest;
        squares += v[i] * v[i];
      }
      double norm = Math.copySign(Math.sqrt(squares), v[k + 1]);
      beside[k] = -norm * largest;
      v[k + 1] += norm;
      double scale = norm * v[k + 1]; // ‖v‖²/2
      reflect(a, k + 1, v, w, scale);
    }
  }

  /** A ← HAH with H = 1 − vvᵀ/scale, from a row and column on. */
  private static void reflect(double[][] a, int from, double[] v, double[] w, double scale) {
    int n = a.length;
    double along = 0;
    for (int i = from; i < n; i++) {
      double sum = 0;
      for (int j = from; j < n; j++) {
        sum += a[i][j] * v[j];
      }
      w[i] = sum / scale;
      along += w[i] * v[i];
    }
    double half = along / (2 * scale);
    for (int i = from; i < n; i++) {
      w[i] -= half * v[i];
    }
    for (int i = from; i < n; i++) {
      for (int j = from; j < n; j++) {
        a[i][j] -= v[i] * w[j] + w[i] * v[j];
      }
    }
  }

  /** Iterates until an eigenvalue stands alone in the first place. */
  private static void settle(double[] diagonal, double[] beside, int first) {
    for (int step = 0; ; step++) {
      int end = endOfBlock(diagonal, beside, first);
      if (end == first) {
        return;
      }
      if (step == MOST_STEPS) {
        throw new ArithmeticException("the eigenvalues do not settle in " + step + " steps");
      }
      sweep(diagonal, beside, first, end);
    }
  }

  private static int endOfBlock(double[] diagonal, double[] beside, int first) {
    for (int end = first; end < diagonal.length - 1; end++) {
      double size = Math.abs(diagonal[end]) + Math.abs(diagonal[end + 1]);
      if (Math.abs(beside[end]) <= 0x1p-53 * size) {
        return end;
      }
    }
    return diagonal.length - 1;
  }

  /** One QL step with Wilkinson's shift on the block between two places. */
  private static void sweep(double[] diagonal, double[] beside, int first, int end) {
    double ratio = (diagonal[first + 1] - diagonal[first]) / (2 * beside[first]);
    double radius = Math.sqrt(ratio * ratio + 1);
    double g =
        diagonal[end] - diagonal[first] + beside[first] / (ratio + Math.copySign(radius, ratio));
    double sine = 1;
    double cosine = 1;
    double carried = 0;
    for (int i = end - 1; i >= first; i--) {
      double f = sine * beside[i];
      double b = cosine * beside[i];
      double r = Math.sqrt(f * f + g * g);
      beside[i + 1] = r;
      if (r == 0) {
        diagonal[i + 1] -= carried;
        beside[end] = 0;
        return;
      }
      sine = f / r;
      cosine = g / r;
      g = diagonal[i + 1] - carried;
      r = (diagonal[i] - g) * sine + 2 * cosine * b;
      carried = sine * r;
      diagonal[i + 1] = g + carried;
      g = cosine * r - b;
    }
    diagonal[first] -= carried;
    beside[first] = g;
    beside[end] = 0;
  }
}
