package io.fisherwatch.bench;

/**
 * A straight line through the logarithms: y ≈ factor · x<sup>exponent</sup>, by least squares.
 *
 * @param factor y at x = 1
 * @param exponent 1 for linear growth; NaN of fewer than two different x
 */
record PowerLaw(double factor, double exponent) {

  /**
   * Fits points whose coordinates are above 0; others are left out.
   *
   * @param x as many as y
   */
  static PowerLaw fit(double[] x, double[] y) {
    int n = 0;
    double meanX = 0;
    double meanY = 0;
    for (int i = 0; i < x.length; i++) {
      if (x[i] > 0 && y[i] > 0) {
        n++;
        meanX += Math.log(x[i]);
        meanY += Math.log(y[i]);
      }
    }
    meanX /= n;
    meanY /= n;
    double products = 0;
    double squares = 0;
    for (int i = 0; i < x.length; i++) {
      if (x[i] > 0 && y[i] > 0) {
        double dx = Math.log(x[i]) - meanX;
        products += dx * (Math.log(y[i]) - meanY);
        squares += dx * dx;
      }
    }
    double exponent = squares > 0 ? products / squares : Double.NaN;
    return new PowerLaw(Math.exp(meanY - exponent * meanX), exponent);
  }
}
