package io.fisherwatch.snapshot;

import java.util.Collections;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;

/**
 * The figures of one layer, or of the whole model under the name {@link #TOTAL}.
 *
 * @param layer the layer's name
 * @param parameters scalar parameters in all
 * @param covered those that a gradient reaches
 * @param nonFinite non-finite gradient values met so far
 * @param traces by matrix; a matrix that was not estimated is absent
 * @param gaps by side, never negative; absent where not estimated
 * @param diagonal absent where no diagonal is kept
 * @param effectiveRank tr(F)²/tr(F²) of a batch's F, an average of the latest
 * @param topEigenvalue estimate of the largest eigenvalue of a batch's F, an average of the latest
 * @param traceOfSquare tr(F²) of a batch's F, an average of the latest
 */
public record LayerFigures(
    String layer,
    long parameters,
    long covered,
    long nonFinite,
    Map<Estimate, TraceFigure> traces,
    Map<Bound, Uncertain> gaps,
    Optional<DiagonalFigure> diagonal,
    Optional<Uncertain> effectiveRank,
    Optional<Uncertain> topEigenvalue,
    Optional<Uncertain> traceOfSquare) {

  /** The name under which the figures of the whole model stand. */
  public static final String TOTAL = "_total";

  public LayerFigures {
    traces = ordered(Estimate.class, traces);
    gaps = ordered(Bound.class, gaps);
  }

  private static <K extends Enum<K>, V> Map<K, V> ordered(Class<K> type, Map<K, V> map) {
    EnumMap<K, V> copy = new EnumMap<>(type);
    copy.putAll(map);
    return Collections.unmodifiableMap(copy);
  }
}
