package io.fisherwatch.monitor;

import io.fisherwatch.estimate.DecayedMoments;
import io.fisherwatch.estimate.NestedMoments;
import io.fisherwatch.estimate.ProbeVariation;
import io.fisherwatch.estimate.SpectrumMoments;
import io.fisherwatch.snapshot.Uncertain;
import java.util.Arrays;
import java.util.Optional;
import java.util.OptionalDouble;

/** Accumulators in rows, and what they say as figures: undefined is absent. */
final class Figured {

  /** Of the intervals. */
  static final double LEVEL = 0.95;

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

  static NestedMoments[] nested(int count) {
    NestedMoments[] moments = new NestedMoments[count];
    Arrays.setAll(moments, i -> new NestedMoments());
    return moments;
  }

  static SpectrumMoments[] spectra(int count) {
    SpectrumMoments[] spectra = new SpectrumMoments[count];
    Arrays.setAll(spectra, i -> new SpectrumMoments());
    return spectra;
  }

  static Optional<Uncertain> mean(NestedMoments nested) {
    DecayedMoments moments = nested.means();
    return moments.weight() > 0
        ? Optional.of(
            Uncertain.of(moments.mean(), moments.standardError())
                .withLogHalfWidth(nested.logHalfWidth(LEVEL)))
        : Optional.empty();
  }

  static Optional<Uncertain> effectiveRank(SpectrumMoments spectrum) {
    return uncertain(spectrum.effectiveRank(), spectrum.effectiveRankError());
  }

  static Optional<Uncertain> topEigenvalue(SpectrumMoments spectrum) {
    return uncertain(spectrum.topEigenvalue(), spectrum.topEigenvalueError());
  }

  static Optional<Uncertain> traceOfSquare(SpectrumMoments spectrum) {
    return uncertain(spectrum.traceOfSquare(), spectrum.traceOfSquareError());
  }

  private static Optional<Uncertain> uncertain(double value, double error) {
    return Double.isFinite(value) ? Optional.of(Uncertain.of(value, error)) : Optional.empty();
  }

  static OptionalDouble defined(double value) {
    return Double.isNaN(value) ? OptionalDouble.empty() : OptionalDouble.of(value);
  }

  static Optional<Uncertain> variation(ProbeVariation variation) {
    double cv = variation.cv();
    return Double.isNaN(cv)
        ? Optional.empty()
        : Optional.of(Uncertain.of(cv, variation.standardError()));
  }
}
