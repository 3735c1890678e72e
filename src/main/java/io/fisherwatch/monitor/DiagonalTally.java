package io.fisherwatch.monitor;

import io.fisherwatch.estimate.DecayedMoments;
import io.fisherwatch.estimate.FloatHistogram;
import io.fisherwatch.estimate.StudentT;
import io.fisherwatch.snapshot.DiagonalFigure;
import io.fisherwatch.snapshot.LayerFigures;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a diagonal looks like, layer by layer, while its entries pass by: one layer's histogram is
 * held, and the whole model's.
 */
final class DiagonalTally {

  private final Map<String, Double> thresholds;
  private final double probes;
  private final double errorFactor;
  private final double quantile;
  private final Map<String, DiagonalFigure> figures = new LinkedHashMap<>();
  private final FloatHistogram total = FloatHistogram.empty();
  private final Map<String, Double> openInAll = new LinkedHashMap<>();
  private FloatHistogram histogram = FloatHistogram.empty();
  private Map<String, Double> open = new LinkedHashMap<>();
  private @Nullable String layer;

  /**
   * @param batches what the entries are means of
   * @param probes independent probes that each entry is worth, in case that there is no scatter yet
   * @param meanDiagonal mean entry of the model's diagonal, or NaN if it is not known
   */
  DiagonalTally(DecayedMoments batches, double probes, double meanDiagonal) {
    double freedom = batches.effectiveCount() - 1;
    this.thresholds = DiagonalSummary.thresholds(meanDiagonal);
    this.probes = probes;
    this.errorFactor = freedom < 1 ? Double.NaN : RunningDiagonal.errorFactor(batches);
    this.quantile = freedom < 1 ? Double.NaN : StudentT.quantile(freedom, 0.975);
  }

  /** Takes in entries of a layer; those of one layer come together. */
  void add(String layerOfEntries, MergedChunk chunk) {
    if (!layerOfEntries.equals(layer)) {
      endLayer();
      layer = layerOfEntries;
    }
    for (int entry = 0; entry < chunk.size(); entry++) {
      histogram.add((float) chunk.mean(entry));
    }
    if (!Double.isNaN(errorFactor)) {
      thresholds.forEach((name, value) -> open.merge(name, open(chunk, value), Double::sum));
    }
  }

  /**
   * How many entries may be on either side of a threshold, their noise being taken as χ²/K (Wilson
   * and Hilferty 1931) like {@link io.fisherwatch.runtime.DiagonalArray#undetermined}.
   */
  private double open(MergedChunk chunk, double threshold) {
    int count = 0;
    for (int entry = 0; entry < chunk.size(); entry++) {
      double mean = chunk.mean(entry);
      double h = chunk.scatter(entry) * (errorFactor / 9) / (mean * mean);
      double root = Math.sqrt(h) * quantile;
      double upper = Math.max(0, 1 - h + root);
      double lower = Math.max(0, 1 - h - root);
      if (mean > 0
          && mean > threshold * lower * lower * lower
          && mean < threshold * upper * upper * upper) {
        count++;
      }
    }
    return count;
  }

  private void endLayer() {
    String ended = layer;
    if (ended == null) {
      return;
    }
    if (Double.isNaN(errorFactor)) {
      DiagonalSummary.Doubt noise = DiagonalSummary.noiseOf(probes);
      thresholds.forEach(
          (name, value) -> open.put(name, noise.undetermined(new int[0], histogram, value)));
    }
    open.forEach((name, count) -> openInAll.merge(name, count, Double::sum));
    total.merge(histogram);
    DiagonalSummary.figure(histogram, thresholds, open)
        .ifPresent(figure -> figures.put(ended, figure));
    histogram = FloatHistogram.empty();
    open = new LinkedHashMap<>();
  }

  /** The figures by layer, the whole model's under {@link LayerFigures#TOTAL}. */
  Map<String, DiagonalFigure> figures() {
    endLayer();
    layer = null;
    DiagonalSummary.figure(total, thresholds, openInAll)
        .ifPresent(figure -> figures.put(LayerFigures.TOTAL, figure));
    return Map.copyOf(figures);
  }
}
