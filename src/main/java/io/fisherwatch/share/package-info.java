/**
 * One run over many agents: what each agent's part of it has accumulated, as records of a topic,
 * and the figures of all parts together. Knows keys and values but no broker; the doors are {@link
 * io.fisherwatch.share.ShareCodec} for one part and {@link io.fisherwatch.share.RunParts} for all
 * of a run.
 */
@NullMarked
package io.fisherwatch.share;

import org.jspecify.annotations.NullMarked;
