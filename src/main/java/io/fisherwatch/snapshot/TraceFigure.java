package io.fisherwatch.snapshot;

import java.util.Optional;

/**
 * The trace of one matrix over one layer, as a mean over examples.
 *
 * @param trace the estimate with its standard error
 * @param probeCv the coefficient of variation of one plain whole-batch probe, which theory bounds
 *     by √2, with its sampling error; empty until it has been measured
 */
public record TraceFigure(Uncertain trace, Optional<Uncertain> probeCv) {}
