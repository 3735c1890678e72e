/**
 * The store of running state: what a partition's owner has made of it up to an offset, in two
 * generations, verified, each owner in an epoch of its own. The door is {@link
 * io.fisherwatch.state.StateStore}.
 */
@NullMarked
package io.fisherwatch.state;

import org.jspecify.annotations.NullMarked;
