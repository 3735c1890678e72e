package io.fisherwatch.snapshot;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What the diagonal of F looks like over one layer. Entries are means over examples.
 *
 * @param quantiles value by quantile, 0.01 to 0.99
 * @param density share of entries by bucket: {@code zero}, {@code under}, a decade's lower exponent
 *     {@code -20} to {@code 4}, {@code over}; every bucket is present and the shares add up to 1
 * @param smallShare share of entries below a threshold, by threshold: {@code 1e-05}, or {@code
 *     relative} (below 1e-3 of the model's mean diagonal)
 * @param undeterminedShare by the same thresholds: the share that the noise of the estimate leaves
 *     open
 */
public record DiagonalFigure(
    Map<Double, Double> quantiles,
    Map<String, Double> density,
    Map<String, Double> smallShare,
    Map<String, Double> undeterminedShare) {

  public DiagonalFigure {
    quantiles = copy(quantiles);
    density = copy(density);
    smallShare = copy(smallShare);
    undeterminedShare = copy(undeterminedShare);
  }

  private static <K, V> Map<K, V> copy(Map<K, V> map) {
    return Collections.unmodifiableMap(new LinkedHashMap<>(map));
  }
}
