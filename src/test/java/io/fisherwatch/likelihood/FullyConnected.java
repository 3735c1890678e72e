package io.fisherwatch.likelihood;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A fully connected network in double, differentiated by hand: parameters layer by layer, the
 * weights output × input, then the bias.
 */
final class FullyConnected {

  private final List<double[][]> weights = new ArrayList<>();
  private final List<double[]> biases = new ArrayList<>();
  private final String activation;

  FullyConnected(JsonNode golden) {
    golden.get("weights").forEach(layer -> weights.add(matrix(layer)));
    golden.get("biases").forEach(layer -> biases.add(vector(layer)));
    activation = golden.get("activation").asText();
  }

  static double[] vector(JsonNode array) {
    double[] values = new double[array.size()];
    Arrays.setAll(values, i -> array.get(i).asDouble());
    return values;
  }

  static double[][] matrix(JsonNode array) {
    double[][] rows = new double[array.size()][];
    Arrays.setAll(rows, i -> vector(array.get(i)));
    return rows;
  }

  /** How many parameters each layer has. */
  int[] layerSizes() {
    int[] sizes = new int[weights.size()];
    Arrays.setAll(
        sizes, l -> weights.get(l).length * weights.get(l)[0].length + biases.get(l).length);
    return sizes;
  }

  /** The inputs of every layer, and the logits last. */
  List<double[]> activations(double[] x) {
    List<double[]> all = new ArrayList<>(List.of(x));
    for (int layer = 0; layer < weights.size(); layer++) {
      double[] a = all.get(layer);
      double[] z = biases.get(layer).clone();
      for (int o = 0; o < z.length; o++) {
        for (int i = 0; i < a.length; i++) {
          z[o] += weights.get(layer)[o][i] * a[i];
        }
      }
      if (layer < weights.size() - 1) {
        Arrays.setAll(z, o -> activation.equals("tanh") ? Math.tanh(z[o]) : Math.max(0, z[o]));
      }
      all.add(z);
    }
    return all;
  }

  double[] logits(double[] x) {
    return activations(x).get(weights.size());
  }

  /** Jᵀu at one example. */
  double[] pullBack(double[] x, double[] u) {
    List<double[]> all = activations(x);
    double[] gradient = new double[Arrays.stream(layerSizes()).sum()];
    double[] delta = u.clone();
    int end = gradient.length;
    for (int layer = weights.size() - 1; layer >= 0; layer--) {
      double[] a = all.get(layer);
      end -= layerSizes()[layer];
      double[] below = new double[a.length];
      for (int o = 0; o < delta.length; o++) {
        for (int i = 0; i < a.length; i++) {
          gradient[end + o * a.length + i] = delta[o] * a[i];
          below[i] += weights.get(layer)[o][i] * delta[o];
        }
        gradient[end + delta.length * a.length + o] = delta[o];
      }
      if (layer > 0) {
        for (int i = 0; i < a.length; i++) {
          below[i] *= activation.equals("tanh") ? 1 - a[i] * a[i] : a[i] > 0 ? 1 : 0;
        }
      }
      delta = below;
    }
    return gradient;
  }
}
