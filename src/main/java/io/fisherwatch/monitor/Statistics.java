package io.fisherwatch.monitor;

import io.fisherwatch.snapshot.CoreFigures;
import io.fisherwatch.snapshot.Uncertain;
import java.util.Optional;
import java.util.OptionalDouble;

/** What has been accumulated, figure by figure. Layer 0 is the whole model. */
interface Statistics {

  /** The trace of a matrix over a layer, a mean over positions; empty where there is none. */
  Optional<Uncertain> trace(Quantity quantity, int slot);

  /** The coefficient of variation of one plain whole-batch probe. */
  Optional<Uncertain> probeCv(Quantity quantity, int slot);

  /** The share of a trace's squared standard error that is the probes'. */
  OptionalDouble probeShare(Quantity quantity, int slot);

  /** tr(F)²/tr(F²) of a batch's F. */
  Optional<Uncertain> effectiveRank(int slot);

  /** The largest eigenvalue of a batch's F. */
  Optional<Uncertain> topEigenvalue(int slot);

  /** tr(F²) of a batch's F. */
  Optional<Uncertain> traceOfSquare(int slot);

  /** Means in the core space. */
  CoreFigures core();

  /**
   * How many independent probes each entry of the running diagonal of F is worth; infinite where it
   * has no randomness.
   */
  double diagonalProbes();
}
