package io.fisherwatch.monitor;

import io.fisherwatch.estimate.ProbeVariation;
import io.fisherwatch.snapshot.CoreFigures;
import io.fisherwatch.snapshot.Uncertain;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Batches that are the data, all of it: standard errors are those of the probes for this very data.
 */
final class FixedData implements Statistics {

  private final Map<Quantity, double[]> sums = new EnumMap<>(Quantity.class);
  private final Map<Quantity, double[]> variances = new EnumMap<>(Quantity.class);
  private final Map<Quantity, ProbeVariation[]> variations = new EnumMap<>(Quantity.class);
  private final double[] coreSums = new double[4];
  private final int slots;
  private long positions;
  private double probes;

  FixedData(int slots) {
    this.slots = slots;
  }

  /**
   * Adds a batch.
   *
   * @param plainProbes whether its probes are plain ones of the whole batch
   */
  void add(BatchEstimator.Result result, boolean plainProbes) {
    BatchTally tally = result.tally();
    keepCommon(tally.estimated());
    for (Quantity quantity : tally.estimated()) {
      if (positions > 0 && !sums.containsKey(quantity)) {
        continue; // an earlier batch had none of it, so there is none of the whole
      }
      for (int slot = 0; slot < slots; slot++) {
        boolean usable = tally.nonFinite(slot) == 0;
        array(sums, quantity)[slot] += usable ? tally.sum(quantity, slot) : Double.NaN;
        array(variances, quantity)[slot] += tally.variance(quantity, slot);
        if (plainProbes && tally.probes() > 1 && quantity.estimate().isPresent()) {
          variation(quantity, slot).addBatch(tally.probeSums(quantity, slot));
        }
      }
    }
    for (int figure = 0; figure < coreSums.length; figure++) {
      coreSums[figure] += tally.coreSum(figure);
    }
    positions += tally.positions();
    probes = squaresOf(result);
  }

  private void keepCommon(Set<Quantity> estimated) {
    EnumSet<Quantity> gone = EnumSet.noneOf(Quantity.class);
    gone.addAll(sums.keySet());
    gone.removeAll(estimated);
    gone.forEach(sums::remove);
  }

  /** Independent squares in a diagonal entry: at least one for each probe. */
  private static double squaresOf(BatchEstimator.Result result) {
    double variance = result.tally().variance(Quantity.FISHER, 0);
    return variance == 0 ? Double.POSITIVE_INFINITY : result.plan().probes();
  }

  /** Unmasked positions of all batches. */
  long positions() {
    return positions;
  }

  @Override
  public Optional<Uncertain> trace(Quantity quantity, int slot) {
    double[] values = sums.get(quantity);
    if (values == null || !Double.isFinite(values[slot])) {
      return Optional.empty();
    }
    double error = Math.sqrt(array(variances, quantity)[slot]) / positions;
    return Optional.of(Uncertain.of(values[slot] / positions, error));
  }

  @Override
  public Optional<Uncertain> probeCv(Quantity quantity, int slot) {
    ProbeVariation[] variation = variations.get(quantity);
    return variation == null ? Optional.empty() : Figured.variation(variation[slot]);
  }

  @Override
  public CoreFigures core() {
    return new CoreFigures(
        coreSums[0] / positions,
        coreSums[1] / positions,
        coreSums[2] / positions,
        coreSums[3] / positions);
  }

  @Override
  public double diagonalProbes() {
    return probes;
  }

  private double[] array(Map<Quantity, double[]> map, Quantity quantity) {
    return map.computeIfAbsent(quantity, any -> new double[slots]);
  }

  private ProbeVariation variation(Quantity quantity, int slot) {
    return variations.computeIfAbsent(quantity, any -> Figured.variations(slots))[slot];
  }
}
