package io.fisherwatch.monitor;

import io.fisherwatch.estimate.DecayedMoments;
import io.fisherwatch.estimate.GramStatistics;
import io.fisherwatch.estimate.NestedMoments;
import io.fisherwatch.estimate.ProbeVariation;
import io.fisherwatch.estimate.SpectrumMoments;
import io.fisherwatch.snapshot.CoreFigures;
import io.fisherwatch.snapshot.Uncertain;
import java.io.IOException;
import java.util.Arrays;
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

  /**
   * Adds a batch that was drawn at a step.
   *
   * @param age the factor of ageings before which it would have come; of 0 nothing is left of it
   */
  void add(BatchEstimator.Result result, long step, double age) {
    probes = result.plan().probes();
    random = result.tally().variance(Quantity.FISHER, 0) != 0;
    if (age == 0) {
      return;
    }
    BatchTally tally = result.tally();
    double weight = age * result.examples();
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
  }

  /**
   * Adds plain whole-batch probes, for their variation and the spectrum only.
   *
   * @param age as of {@link #add}
   */
  void addPlainProbes(BatchEstimator.Result result, double age) {
    if (age == 0) {
      return;
    }
    BatchTally tally = result.tally();
    for (int slot = 0; slot < slots; slot++) {
      if (tally.nonFinite(slot) == 0 && tally.gram(slot).isPresent()) {
        spectra[slot].addAged(age, GramStatistics.of(tally.gram(slot).get()));
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
          variation[slot].addAged(age, values);
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

  /** Takes in other batches, aged to the same moment; they are taken for the later ones. */
  void merge(RunningData other) {
    other.traces.forEach(
        (quantity, moments) -> {
          NestedMoments[] into = traces.computeIfAbsent(quantity, any -> Figured.nested(slots));
          for (int slot = 0; slot < slots; slot++) {
            into[slot].merge(moments[slot]);
          }
        });
    other.variations.forEach(
        (quantity, variation) -> {
          ProbeVariation[] into =
              variations.computeIfAbsent(quantity, any -> Figured.variations(slots));
          for (int slot = 0; slot < slots; slot++) {
            into[slot].merge(variation[slot]);
          }
        });
    for (int slot = 0; slot < slots; slot++) {
      spectra[slot].merge(other.spectra[slot]);
    }
    for (int figure = 0; figure < core.length; figure++) {
      core[figure].merge(other.core[figure]);
    }
    steps.merge(other.steps);
    if (other.weight() > 0) {
      probes = other.probes;
      random = other.random;
    }
  }

  /** The same, to go its own way. */
  RunningData copy() {
    RunningData copy = new RunningData(slots);
    copy.merge(this);
    return copy;
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
    saveCommon(sheet);
    saveLayers(sheet, 0, slots);
  }

  /** Writes what is not of one layer. */
  void saveCommon(StateSheet sheet) {
    sheet.accumulators("core", core);
    sheet.accumulators("steps", steps);
    sheet.longs("latest-probes", probes, random ? 1 : 0);
  }

  /** Writes some layers, a row each. */
  void saveLayers(StateSheet sheet, int from, int to) {
    traces.forEach(
        (quantity, moments) ->
            sheet.accumulators("trace/" + quantity, Arrays.copyOfRange(moments, from, to)));
    variations.forEach(
        (quantity, variation) ->
            sheet.accumulators("variation/" + quantity, Arrays.copyOfRange(variation, from, to)));
    sheet.accumulators("spectra", Arrays.copyOfRange(spectra, from, to));
  }

  void restore(StateReading reading) throws IOException {
    restoreCommon(reading);
    restoreLayers(reading, 0, slots);
  }

  /** Reads what {@link #saveCommon} wrote. */
  void restoreCommon(StateReading reading) throws IOException {
    reading.accumulators("core", core);
    reading.accumulators("steps", steps);
    long[] latest = reading.longs("latest-probes", 2);
    probes = (int) latest[0];
    random = latest[1] != 0;
  }

  /** Reads what {@link #saveLayers} wrote. */
  void restoreLayers(StateReading reading, int from, int to) throws IOException {
    for (Quantity quantity : Quantity.values()) {
      if (reading.has("trace/" + quantity)) {
        NestedMoments[] moments = traces.computeIfAbsent(quantity, any -> Figured.nested(slots));
        reading.accumulators("trace/" + quantity, Arrays.copyOfRange(moments, from, to));
      }
      if (reading.has("variation/" + quantity)) {
        ProbeVariation[] variation =
            variations.computeIfAbsent(quantity, any -> Figured.variations(slots));
        reading.accumulators("variation/" + quantity, Arrays.copyOfRange(variation, from, to));
      }
    }
    reading.accumulators("spectra", Arrays.copyOfRange(spectra, from, to));
  }
}
