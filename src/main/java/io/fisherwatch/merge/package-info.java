/**
 * The merge of a run that many agents share: a Kafka Streams application that keeps every part's
 * latest statistics, and the board, page, API and metrics of the runs made of them. The door is
 * {@link io.fisherwatch.merge.Merge}.
 */
@NullMarked
package io.fisherwatch.merge;

import org.jspecify.annotations.NullMarked;
