package io.fisherwatch.snapshot;

import java.util.List;

/**
 * What a run's history keeps of one snapshot.
 *
 * @param attempt the attempt it belongs to
 * @param step step of the checkpoint in force
 * @param batchStep step of the latest batch
 * @param timeSeconds Unix time
 * @param layers the total first, traces and gaps only, and the diagonal of the total
 */
public record HistoryPoint(
    int attempt, long step, long batchStep, double timeSeconds, List<LayerFigures> layers) {

  public HistoryPoint {
    layers = List.copyOf(layers);
  }
}
