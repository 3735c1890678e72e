package io.fisherwatch.likelihood;

/** A sum that carries what rounding loses (Neumaier 1974): 150,000 terms cost no digits. */
final class Sum {

  private double sum;
  private double lost;

  void add(double term) {
    double next = sum + term;
    lost += Math.abs(sum) >= Math.abs(term) ? (sum - next) + term : (term - next) + sum;
    sum = next;
  }

  double value() {
    double value = sum + lost;
    return Double.isNaN(value) ? sum : value; // an infinite sum has lost nothing
  }
}
