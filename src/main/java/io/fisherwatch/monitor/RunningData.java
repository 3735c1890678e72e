package io.fisherwatch.monitor;

import io.fisherwatch.estimate.DecayedMoments;
import io.fisherwatch.estimate.GramStatistics;
import io.fisherwatch.estimate.NestedMoments;
import io.fisherwatch.estimate.ProbeVariation;
import io.fisherwatch.estimate.SpectrumMoments;
import io.fisherwatch.snapshot.CoreFigures;
import io.fisherwatch.snapshot.Uncertain;
import java.io.IOException;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * Batches that come and go: means weighted by examples that forget with every checkpoint. Standard
 * errors are those of probes and data both, from the scatter between batches.
 */
final class RunningData implements Statistics {

  private final Map<Quantity, NestedMoments[]> traces = new EnumMap<>(Quantity.class);
  private final Map<Quantity, ProbeVariation[]> variations = new EnumMap<>(Quantity.class);
  private final DecayedMoments[] core = Figured.moments(4);
  private final DecayedMoments steps = new DecayedMoments();
  private final SpectrumMoments[] spectra;
  private final int slots;
  private int probes = 1;
  private boolean random = true;

  RunningData(int slots) {
    this.slots = slots;
    this.spectra = Figured.spectra(slots);
  }

  /** Adds a batch that was drawn at a step. */
  void add(BatchEstimator.Result result, long step) {
    BatchTally tally = result.tally();
    double weight = result.examples();
    for (Quantity quantity : tally.estimated()) {
      NestedMoments[] moments = traces.computeIfAbsent(quantity, any -> Figured.nested(slots));
      for (int slot = 0; slot < slots; slot++) {
        if (tally.nonFinite(slot) == 0) {
          double positions = tally.positions();
          double variance = tally.variance(quantity, slot) / (positions * positions);
          moments[slot].add(tally.sum(quantity, slot) / positions, variance, weight);
        }
      }
    }
    for (int figure = 0; figure < core.length; figure++) {
      double mean = tally.coreSum(figure) / tally.positions();
      if (Double.isFinite(mean)) {
        core[figure].add(mean, weight);
      }
    }
    steps.add((double) step, weight);
    probes = result.plan().probes();
    random = tally.variance(Quantity.FISHER, 0) != 0;
  }

  /** Adds plain whole-batch probes, for their variation and the spectrum only. */
  void addPlainProbes(BatchEstimator.Result result) {
    BatchTally tally = result.tally();
    for (int slot = 0; slot < slots; slot++) {
      if (tally.nonFinite(slot) == 0 && tally.gram(slot).isPresent()) {
        spectra[slot].add(GramStatistics.of(tally.gram(slot).get()));
      }
    }
    for (Quantity quantity : tally.estimated()) {
      if (quantity.estimate().isEmpty() || result.plan().probes() < 2) {
        continue;
      }
      ProbeVariation[] variation =
          variations.computeIfAbsent(quantity, any -> Figured.variations(slots));
      for (int slot = 0; slot < slots; slot++) {
        if (tally.nonFinite(slot) == 0) {
          double[] values = tally.probeSums(quantity, slot);
          for (int probe = 0; probe < values.length; probe++) {
            values[probe] /= tally.positions();
          }
          variation[slot].addBatch(values);
        }
      }
    }
  }

  /** Ages everything by a factor; 0 forgets, 1 keeps. */
  void age(double factor) {
    for (NestedMoments[] moments : traces.values()) {
      for (NestedMoments one : moments) {
        one.age(factor);
      }
    }
    for (SpectrumMoments spectrum : spectra) {
      spectrum.age(factor);
    }
    age(core, factor);
    steps.age(factor);
    for (ProbeVariation[] variation : variations.values()) {
      for (ProbeVariation one : variation) {
        one.age(factor);
      }
    }
  }

  private static void age(DecayedMoments[] moments, double factor) {
    for (DecayedMoments one : moments) {
      one.age(factor);
    }
  }

  /** The weight of everything so far, in examples. */
  double weight() {
    return steps.weight();
  }

  /** How many equally weighted batches the figures are worth; 0 before the first. */
  double effectiveBatches() {
    return steps.weight() > 0 ? steps.effectiveCount() : 0;
  }

  /** How many steps the figures look back from a step, on average. */
  double lagSteps(long step) {
    return steps.weight() > 0 ? step - steps.mean() : 0;
  }

  @Override
  public Optional<Uncertain> trace(Quantity quantity, int slot) {
    NestedMoments[] moments = traces.get(quantity);
    return moments == null ? Optional.empty() : Figured.mean(moments[slot]);
  }

  @Override
  public OptionalDouble probeShare(Quantity quantity, int slot) {
    NestedMoments[] moments = traces.get(quantity);
    return moments == null ? OptionalDouble.empty() : Figured.defined(moments[slot].probeShare());
  }

  /** The running trace of F over the whole model. */
  NestedMoments total() {
    return traces.computeIfAbsent(Quantity.FISHER, any -> Figured.nested(slots))[0];
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
  public Optional<Uncertain> probeCv(Quantity quantity, int slot) {
    ProbeVariation[] variation = variations.get(quantity);
    return variation == null ? Optional.empty() : Figured.variation(variation[slot]);
  }

  @Override
  public CoreFigures core() {
    return new CoreFigures(core[0].mean(), core[1].mean(), core[2].mean(), core[3].mean());
  }

  @Override
  public double diagonalProbes() {
    return random ? Math.max(1, probes * effectiveBatches()) : Double.POSITIVE_INFINITY;
  }

  void save(StateSheet sheet) {
    for (Map.Entry<Quantity, NestedMoments[]> entry : traces.entrySet()) {
      sheet.accumulators("trace/" + entry.getKey(), entry.getValue());
    }
    for (Map.Entry<Quantity, ProbeVariation[]> entry : variations.entrySet()) {
      sheet.accumulators("variation/" + entry.getKey(), entry.getValue());
    }
    sheet.accumulators("core", core);
    sheet.accumulators("steps", steps);
    sheet.accumulators("spectra", spectra);
    sheet.longs("latest-probes", probes, random ? 1 : 0);
  }

  void restore(StateReading reading) throws IOException {
    for (Quantity quantity : Quantity.values()) {
      if (reading.has("trace/" + quantity)) {
        NestedMoments[] moments = Figured.nested(slots);
        reading.accumulators("trace/" + quantity, moments);
        traces.put(quantity, moments);
      }
      if (reading.has("variation/" + quantity)) {
        ProbeVariation[] variation = Figured.variations(slots);
        reading.accumulators("variation/" + quantity, variation);
        variations.put(quantity, variation);
      }
    }
    reading.accumulators("core", core);
    reading.accumulators("steps", steps);
    reading.accumulators("spectra", spectra);
    long[] latest = reading.longs("latest-probes", 2);
    probes = (int) latest[0];
    random = latest[1] != 0;
  }
}
