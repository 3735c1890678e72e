/**
 * What Fisherwatch costs, measured: each figure beside a floor from the same run. Uses whatever it
 * measures; nothing but the command line uses it. The door is {@link io.fisherwatch.bench.Bench}.
 */
@NullMarked
package io.fisherwatch.bench;

import org.jspecify.annotations.NullMarked;
