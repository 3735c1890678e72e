package io.fisherwatch.monitor;

import io.fisherwatch.estimate.DecayedMoments;
import io.fisherwatch.estimate.ProbeVariation;
import io.fisherwatch.snapshot.Uncertain;
import java.util.Arrays;
import java.util.Optional;

/** Accumulators in rows, and what they say as figures: undefined is absent. */
final class Figured {

  private Figured() {}

  static DecayedMoments[] moments(int count) {
    DecayedMoments[] moments = new DecayedMoments[count];
    Arrays.setAll(moments, i -> new DecayedMoments());
    return moments;
  }

  static ProbeVariation[] variations(int count) {
    ProbeVariation[] variations = new ProbeVariation[count];
    Arrays.setAll(variations, i -> new ProbeVariation());
    return variations;
  }

  static Optional<Uncertain> mean(DecayedMoments moments) {
    return moments.weight() > 0
        ? Optional.of(Uncertain.of(moments.mean(), moments.standardError()))
        : Optional.empty();
  }

  static Optional<Uncertain> variation(ProbeVariation variation) {
    double cv = variation.cv();
    return Double.isNaN(cv)
        ? Optional.empty()
        : Optional.of(Uncertain.of(cv, variation.standardError()));
  }
}
