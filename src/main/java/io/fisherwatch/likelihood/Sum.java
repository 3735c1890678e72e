package io.fisherwatch.likelihood;

/**
 * A sum that carries what rounding loses (Neumaier 1974, by Knuth's two-sum, which needs no guess
 * at which of two is larger): 150,000 terms cost no digits.
 */
final class Sum {

  private double sum;
  private double lost;

  void add(double term) {
    double next = sum + term;
    double taken = next - sum;
    lost += (sum - (next - taken)) + (term - taken);
    sum = next;
  }

  double value() {
    double value = sum + lost;
    return Double.isNaN(value) ? sum : value; // an infinite sum has lost nothing
  }
}
