package io.fisherwatch.monitor;

import io.fisherwatch.runtime.Gradient;
import java.util.Arrays;

/** Inner products of one batch's probe gradients, by layer: layer 0 is the whole model. */
final class GramTally {

  private final LayerMap layers;
  private final double[][][] products;

  GramTally(LayerMap layers, int probes) {
    this.layers = layers;
    this.products = new double[layers.layers().size() + 1][probes][probes];
    for (double[][] layer : products) {
      for (double[] row : layer) {
        Arrays.fill(row, Double.NaN);
      }
    }
  }

  /** Enters a gradient with its squared norms and its products with those before it. */
  void add(int probe, double[] squares, Gradient gradient, double scale) {
    for (int slot = 0; slot < squares.length; slot++) {
      products[slot][probe][probe] = squares[slot];
    }
    for (int before = 1; before <= gradient.compared() && before <= probe; before++) {
      double[] byLayer = new double[products.length];
      for (int layer = 0; layer < layers.layers().size(); layer++) {
        for (int parameter : layers.parametersOf(layer)) {
          byLayer[layer + 1] += gradient.innerProduct(before, parameter) * scale;
        }
        byLayer[0] += byLayer[layer + 1];
      }
      for (int slot = 0; slot < byLayer.length; slot++) {
        products[slot][probe][probe - before] = byLayer[slot];
        products[slot][probe - before][probe] = byLayer[slot];
      }
    }
  }

  double[][] matrix(int slot, double divisor) {
    double[][] matrix = new double[products[slot].length][];
    for (int row = 0; row < matrix.length; row++) {
      matrix[row] = Arrays.stream(products[slot][row]).map(value -> value / divisor).toArray();
    }
    return matrix;
  }
}
