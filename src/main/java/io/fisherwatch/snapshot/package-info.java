/**
 * What has been estimated, as immutable values: the figures of a run, the board that holds the
 * latest of each, and the listener that receives them. Knows nothing of where the numbers come
 * from; the door is {@link io.fisherwatch.snapshot.RunSnapshot}.
 */
@NullMarked
package io.fisherwatch.snapshot;

import org.jspecify.annotations.NullMarked;
