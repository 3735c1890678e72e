/**
 * Output distributions: their Fisher matrix in the core space of the logits, its spectrum and
 * envelopes, and the cotangents whose pull-back estimates it. Pure arithmetic on small arrays; the
 * door is {@link io.fisherwatch.likelihood.Likelihood}.
 */
@NullMarked
package io.fisherwatch.likelihood;

import org.jspecify.annotations.NullMarked;
