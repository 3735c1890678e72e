package io.fisherwatch.estimate;

/**
 * The largest eigenvalue of a small symmetric matrix, and how near the others come to it:
 * Householder's reflections to a tridiagonal matrix (Golub and Van Loan, Matrix Computations,
 * chapter 8), then Laguerre's iteration on its characteristic polynomial p from above, which never
 * passes a largest root of a polynomial whose roots are all real.
 *
 * @param value l₁
 * @param crowding Σ l_j/(l₁ − l_j) over j &gt; 1, which is l₁ p″(l₁)/2p′(l₁) − (n − 1); huge or
 *     infinite where the largest of a positive semidefinite matrix is there twice
 */
record LargestEigenvalue(double value, double crowding) {

  private static final int MOST_STEPS = 1000;

  /** In place of a leading minor that is zero, of a matrix whose largest entry is 1. */
  private static final double TINY = 0x1p-300;

  /** Of a matrix that is overwritten; NaN if an entry is not finite. */
  static LargestEigenvalue of(double[][] matrix) {
    int n = matrix.length;
    double unit = takeOutUnit(matrix);
    double[] diagonal = new double[n];
    double[] beside = new double[n];
    reduce(matrix, diagonal, beside);
    double x = bound(diagonal, beside);
    double[] p = new double[3];
    for (int step = 0; step < MOST_STEPS; step++) {
      polynomial(diagonal, beside, x, p);
      double under = (n - 1) * ((n - 1) * p[1] * p[1] - n * p[0] * p[2]);
      double root = Math.copySign(Math.sqrt(Math.max(0, under)), p[1]);
      double next = x - n * p[0] / (p[1] + root);
      if (!(next < x)) {
        break;
      }
      x = next;
    }
    // Both derivatives have the same sign from the root upwards: where they differ, it is there
    // twice
    // and rounding has led below it.
    double crowding = p[1] * p[2] < 0 ? Double.POSITIVE_INFINITY : x * p[2] / (2 * p[1]) - (n - 1);
    return new LargestEigenvalue(x * unit, crowding);
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

  /** No eigenvalue lies above (Gershgorin). */
  private static double bound(double[] diagonal, double[] beside) {
    double bound = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < diagonal.length; i++) {
      double radius = Math.abs(beside[i]) + (i == 0 ? 0 : Math.abs(beside[i - 1]));
      bound = Math.max(bound, diagonal[i] + radius);
    }
    return bound;
  }

  /**
   * p(x), p′(x) and p″(x) of the characteristic polynomial, all over that of the matrix without its
   * last row and column, from ratios of the leading minors' ones.
   */
  private static void polynomial(double[] diagonal, double[] beside, double x, double[] p) {
    double ratio = 1; // of the last minor's polynomial to that before it
    double first = 0; // the logarithmic derivatives p′/p and p″/p of the last minor, and before it
    double second = 0;
    double firstBefore = 0;
    double secondBefore = 0;
    for (int i = 0; i < diagonal.length; i++) {
      double factor = diagonal[i] - x;
      double coupling = i == 0 ? 0 : beside[i - 1] * beside[i - 1] / ratio;
      p[0] = factor - coupling;
      p[1] = factor * first - coupling * firstBefore - 1;
      p[2] = factor * second - coupling * secondBefore - 2 * first;
      ratio = Math.abs(p[0]) < TINY ? -TINY : p[0];
      firstBefore = first;
      secondBefore = second;
      first = p[1] / ratio;
      second = p[2] / ratio;
    }
  }
}
