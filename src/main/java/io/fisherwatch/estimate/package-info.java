/**
 * Streaming accumulators: running moments, nested variance components, decay, densities, quantiles
 * and spectra from inner products. All of them merge; none of them knows where its numbers come
 * from.
 */
@NullMarked
package io.fisherwatch.estimate;

import org.jspecify.annotations.NullMarked;
