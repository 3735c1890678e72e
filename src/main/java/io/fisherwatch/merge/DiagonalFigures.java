package io.fisherwatch.merge;

import io.fisherwatch.snapshot.DiagonalFigure;
import io.fisherwatch.snapshot.Figures;
import io.fisherwatch.snapshot.LayerFigures;
import io.fisherwatch.snapshot.RunSnapshot;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What a merged diagonal looks like, put into a merged snapshot. */
final class DiagonalFigures {

  private DiagonalFigures() {}

  /**
   * The same snapshot with other figures of the diagonal.
   *
   * @param diagonals by layer; a layer that is missing has none
   */
  static RunSnapshot in(RunSnapshot snapshot, Map<String, DiagonalFigure> diagonals) {
    Figures figures = snapshot.figures();
    List<LayerFigures> layers = new ArrayList<>();
    for (LayerFigures layer : figures.layers()) {
      layers.add(with(layer, Optional.ofNullable(diagonals.get(layer.layer()))));
    }
    return new RunSnapshot(
        snapshot.run(),
        snapshot.attempt(),
        snapshot.step(),
        snapshot.batchStep(),
        snapshot.checkpointTimeSeconds(),
        snapshot.estimateTimeSeconds(),
        snapshot.effectiveBatches(),
        snapshot.lagSteps(),
        snapshot.ended(),
        new Figures(
            figures.examples(),
            figures.positions(),
            figures.classes(),
            figures.parameters(),
            figures.probes(),
            figures.settings(),
            figures.core(),
            figures.aliases(),
            layers));
  }

  private static LayerFigures with(LayerFigures layer, Optional<DiagonalFigure> diagonal) {
    return new LayerFigures(
        layer.layer(),
        layer.parameters(),
        layer.covered(),
        layer.nonFinite(),
        layer.traces(),
        layer.gaps(),
        diagonal,
        layer.effectiveRank(),
        layer.topEigenvalue(),
        layer.traceOfSquare());
  }
}
