package io.fisherwatch.monitor;

import io.fisherwatch.estimate.FloatHistogram;
import io.fisherwatch.runtime.DiagonalArray;
import io.fisherwatch.snapshot.DiagonalFigure;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What a diagonal looks like, layer by layer, from a histogram that is made on the device. */
final class DiagonalSummary {

  private static final double[] QUANTILES = {0.01, 0.1, 0.5, 0.9, 0.99};
  private static final double SMALL = 1e-5;
  private static final double RELATIVELY_SMALL = 1e-3;

  private DiagonalSummary() {}

  /**
   * Looks at every layer.
   *
   * @param meanDiagonal mean entry of the model's diagonal, or NaN if it is not known
   * @param probes independent probes that each entry is worth
   * @return by layer, the whole model first; empty for a layer without trainable parameters
   */
  static List<Optional<DiagonalFigure>> of(
      DiagonalArray diagonal,
      LayerMap layers,
      boolean[] trainable,
      double meanDiagonal,
      double probes) {
    List<Optional<DiagonalFigure>> figures = new ArrayList<>();
    FloatHistogram total = FloatHistogram.empty();
    for (int layer = 0; layer < layers.layers().size(); layer++) {
      int[] parameters = trainableOf(layers.parametersOf(layer), trainable);
      if (parameters.length == 0) {
        figures.add(Optional.empty());
        continue;
      }
      FloatHistogram histogram = FloatHistogram.of(diagonal.histogram(parameters));
      total.merge(histogram);
      figures.add(figure(histogram, meanDiagonal, probes));
    }
    figures.add(0, figure(total, meanDiagonal, probes));
    return figures;
  }

  private static Optional<DiagonalFigure> figure(
      FloatHistogram histogram, double meanDiagonal, double probes) {
    if (histogram.total() == 0) {
      return Optional.empty();
    }
    Map<Double, Double> quantiles = new LinkedHashMap<>();
    for (double q : QUANTILES) {
      quantiles.put(q, histogram.quantile(q));
    }
    Map<String, Double> small = new LinkedHashMap<>();
    Map<String, Double> undetermined = new LinkedHashMap<>();
    share("1e-05", SMALL, histogram, probes, small, undetermined);
    if (meanDiagonal > 0) {
      share("relative", RELATIVELY_SMALL * meanDiagonal, histogram, probes, small, undetermined);
    }
    return Optional.of(new DiagonalFigure(quantiles, histogram.density(), small, undetermined));
  }

  private static void share(
      String name,
      double threshold,
      FloatHistogram histogram,
      double probes,
      Map<String, Double> small,
      Map<String, Double> undetermined) {
    small.put(name, histogram.shareBelow(threshold));
    undetermined.put(
        name, Double.isInfinite(probes) ? 0 : histogram.undetermined(threshold, probes));
  }

  private static int[] trainableOf(int[] parameters, boolean[] trainable) {
    return java.util.Arrays.stream(parameters).filter(p -> trainable[p]).toArray();
  }
}
