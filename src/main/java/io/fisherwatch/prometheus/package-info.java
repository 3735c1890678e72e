/**
 * The scrape: metric names, the figures of the board of snapshots as text, and the meters of the
 * process. The doors are {@link io.fisherwatch.prometheus.AgentMetrics} and {@link
 * io.fisherwatch.prometheus.MergeMetrics}.
 */
@NullMarked
package io.fisherwatch.prometheus;

import org.jspecify.annotations.NullMarked;
