package io.fisherwatch.monitor;

import io.fisherwatch.estimate.DecayedMoments;
import io.fisherwatch.estimate.ProbeVariation;
import io.fisherwatch.snapshot.CoreFigures;
import io.fisherwatch.snapshot.Uncertain;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;

/**
 * Batches that come and go: means weighted by examples that forget with every checkpoint. Standard
 * errors are those of probes and data both, from the scatter between batches.
 */
final class RunningData implements Statistics {

  private final Map<Quantity, DecayedMoments[]> traces = new EnumMap<>(Quantity.class);
  private final Map<Quantity, ProbeVariation[]> variations = new EnumMap<>(Quantity.class);
  private final DecayedMoments[] core = Figured.moments(4);
  private final DecayedMoments steps = new DecayedMoments();
  private final int slots;
  private int probes = 1;
  private boolean random = true;

  RunningData(int slots) {
    this.slots = slots;
  }

  /** Adds a batch that was drawn at a step. */
  void add(BatchEstimator.Result result, long step) {
    BatchTally tally = result.tally();
    double weight = result.examples();
    for (Quantity quantity : tally.estimated()) {
      DecayedMoments[] moments = traces.computeIfAbsent(quantity, any -> Figured.moments(slots));
      for (int slot = 0; slot < slots; slot++) {
        if (tally.nonFinite(slot) == 0) {
          moments[slot].add(tally.sum(quantity, slot) / tally.positions(), weight);
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

  /** Adds plain whole-batch probes, for their variation only. */
  void addPlainProbes(BatchEstimator.Result result) {
    BatchTally tally = result.tally();
    for (Quantity quantity : tally.estimated()) {
      if (quantity.estimate().isEmpty() || tally.probes() < 2) {
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
    traces.values().forEach(moments -> age(moments, factor));
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
    DecayedMoments[] moments = traces.get(quantity);
    return moments == null ? Optional.empty() : Figured.mean(moments[slot]);
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
}
