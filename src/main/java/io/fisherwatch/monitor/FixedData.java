package io.fisherwatch.monitor;

import io.fisherwatch.estimate.GramStatistics;
import io.fisherwatch.estimate.ProbeVariation;
import io.fisherwatch.estimate.SpectrumMoments;
import io.fisherwatch.estimate.StudentT;
import io.fisherwatch.snapshot.CoreFigures;
import io.fisherwatch.snapshot.Uncertain;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;

/**
 * Batches that are the data, all of it: standard errors are those of the probes for this very data.
 */
final class FixedData implements Statistics {

  private final Map<Quantity, double[]> sums = new EnumMap<>(Quantity.class);
  private final Map<Quantity, double[]> variances = new EnumMap<>(Quantity.class);
  private final Map<Quantity, double[]> spreads = new EnumMap<>(Quantity.class);
  private final Map<Quantity, ProbeVariation[]> variations = new EnumMap<>(Quantity.class);
  private final double[] coreSums = new double[4];
  private final SpectrumMoments[] spectra;
  private final int slots;
  private long positions;
  private double probes;

  FixedData(int slots) {
    this.slots = slots;
    this.spectra = Figured.spectra(slots);
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
        double variance = tally.variance(quantity, slot);
        array(variances, quantity)[slot] += variance;
        if (variance > 0) {
          double freedom = tally.freedom(quantity, slot);
          double[] own = array(spreads, quantity);
          own[slot] = Math.hypot(own[slot], variance / Math.sqrt(freedom));
        }
        if (plainProbes && result.plan().probes() > 1 && quantity.estimate().isPresent()) {
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

  /**
   * Adds plain whole-batch probes, for the spectrum.
   *
   * @param varied whether their variation counts too
   */
  void addPlainProbes(BatchEstimator.Result result, boolean varied) {
    BatchTally tally = result.tally();
    for (int slot = 0; slot < slots; slot++) {
      tally.gram(slot).map(GramStatistics::of).ifPresent(spectra[slot]::add);
      for (Quantity quantity : varied ? tally.estimated() : Set.<Quantity>of()) {
        variation(quantity, slot).addBatch(tally.probeSums(quantity, slot));
      }
    }
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
    double variance = array(variances, quantity)[slot];
    double error = Math.sqrt(variance) / positions;
    double ratio = variance / array(spreads, quantity)[slot];
    double value = values[slot] / positions;
    double halfWidth =
        variance > 0 && value > 0
            ? StudentT.quantile(ratio * ratio, (1 + Figured.LEVEL) / 2) * error / value
            : variance;
    return Optional.of(Uncertain.of(value, error).withLogHalfWidth(halfWidth));
  }

  @Override
  public Optional<Uncertain> probeCv(Quantity quantity, int slot) {
    ProbeVariation[] variation = variations.get(quantity);
    return variation == null ? Optional.empty() : Figured.variation(variation[slot]);
  }

  @Override
  public OptionalDouble probeShare(Quantity quantity, int slot) {
    return OptionalDouble.empty();
  }

  @Override
  public Optional<Uncertain> effectiveRank(int slot) {
    return Figured.effectiveRank(spectra[slot]);
  }

  @Override
  public Optional<Uncertain> topEigenvalue(int slot) {
    return Figured.topEigenvalue(spectra[slot]);
  }

  @Override
  public Optional<Uncertain> traceOfSquare(int slot) {
    return Figured.traceOfSquare(spectra[slot]);
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
