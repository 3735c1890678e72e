package io.fisherwatch.monitor;

import io.fisherwatch.snapshot.CoreFigures;
import io.fisherwatch.snapshot.Uncertain;
import java.util.Optional;

/** What has been accumulated, figure by figure. Layer 0 is the whole model. */
interface Statistics {

  /** The trace of a matrix over a layer, a mean over positions; empty where there is none. */
  Optional<Uncertain> trace(Quantity quantity, int slot);

  /** The coefficient of variation of one plain whole-batch probe. */
  Optional<Uncertain> probeCv(Quantity quantity, int slot);

  /** Means in the core space. */
  CoreFigures core();

  /**
   * How many independent probes each entry of the running diagonal of F is worth; infinite where it
   * has no randomness.
   */
  double diagonalProbes();
}
