package io.fisherwatch.monitor;

import io.fisherwatch.estimate.FloatHistogram;
import io.fisherwatch.estimate.ProbeNoise;
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

  /** How many entries of some parameters may be on either side of a threshold. */
  @FunctionalInterface
  interface Doubt {
    double undetermined(int[] parameters, FloatHistogram histogram, double threshold);
  }

  /** Entries that are each the mean of so many independent probes of many signs; or exact. */
  static Doubt noiseOf(double probes) {
    if (Double.isInfinite(probes)) {
      return (parameters, histogram, threshold) -> 0;
    }
    ProbeNoise noise = ProbeNoise.of(probes);
    return (parameters, histogram, threshold) ->
        histogram.undetermined(threshold, noise) * histogram.total();
  }

  /**
   * Looks at every layer.
   *
   * @param meanDiagonal mean entry of the model's diagonal, or NaN if it is not known
   * @return by layer, the whole model first; empty for a layer without trainable parameters
   */
  static List<Optional<DiagonalFigure>> of(
      DiagonalArray diagonal,
      LayerMap layers,
      boolean[] trainable,
      double meanDiagonal,
      Doubt doubt) {
    Map<String, Double> thresholds = thresholds(meanDiagonal);
    List<Optional<DiagonalFigure>> figures = new ArrayList<>();
    FloatHistogram total = FloatHistogram.empty();
    Map<String, Double> inAll = new LinkedHashMap<>();
    for (int layer = 0; layer < layers.layers().size(); layer++) {
      int[] parameters = trainableOf(layers.parametersOf(layer), trainable);
      if (parameters.length == 0) {
        figures.add(Optional.empty());
        continue;
      }
      FloatHistogram histogram = FloatHistogram.of(diagonal.histogram(parameters));
      total.merge(histogram);
      Map<String, Double> open = new LinkedHashMap<>();
      thresholds.forEach(
          (name, value) -> open.put(name, doubt.undetermined(parameters, histogram, value)));
      open.forEach((name, count) -> inAll.merge(name, count, Double::sum));
      figures.add(figure(histogram, thresholds, open));
    }
    figures.add(0, figure(total, thresholds, inAll));
    return figures;
  }

  /** The thresholds of what is small, by name. */
  static Map<String, Double> thresholds(double meanDiagonal) {
    Map<String, Double> thresholds = new LinkedHashMap<>();
    thresholds.put("1e-05", SMALL);
    if (meanDiagonal > 0) {
      thresholds.put("relative", RELATIVELY_SMALL * meanDiagonal);
    }
    return thresholds;
  }

  /**
   * The figure of one layer.
   *
   * @param open how many entries noise leaves open, by threshold
   */
  static Optional<DiagonalFigure> figure(
      FloatHistogram histogram, Map<String, Double> thresholds, Map<String, Double> open) {
    if (histogram.total() == 0) {
      return Optional.empty();
    }
    Map<Double, Double> quantiles = new LinkedHashMap<>();
    for (double q : QUANTILES) {
      quantiles.put(q, histogram.quantile(q));
    }
    Map<String, Double> small = new LinkedHashMap<>();
    thresholds.forEach((name, value) -> small.put(name, histogram.shareBelow(value)));
    Map<String, Double> undetermined = new LinkedHashMap<>();
    open.forEach((name, count) -> undetermined.put(name, count / histogram.total()));
    return Optional.of(new DiagonalFigure(quantiles, histogram.density(), small, undetermined));
  }

  private static int[] trainableOf(int[] parameters, boolean[] trainable) {
    return java.util.Arrays.stream(parameters).filter(p -> trainable[p]).toArray();
  }
}
