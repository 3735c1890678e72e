package io.fisherwatch.snapshot;

import java.util.Optional;
import java.util.OptionalDouble;

/**
 * The trace of one matrix over one layer, as a mean over examples.
 *
 * @param trace the estimate with its standard error
 * @param probeCv the coefficient of variation of one plain whole-batch probe, which theory bounds
 *     by √2, with its sampling error; empty until it has been measured
 * @param probeShare the share of the squared standard error that is the probes', the rest being the
 *     data's; empty while undefined
 */
public record TraceFigure(Uncertain trace, Optional<Uncertain> probeCv, OptionalDouble probeShare) {

  /** A trace whose error is not taken apart. */
  public TraceFigure(Uncertain trace, Optional<Uncertain> probeCv) {
    this(trace, probeCv, OptionalDouble.empty());
  }
}
