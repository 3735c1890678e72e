/**
 * The scrape: metric names, and the collector over the board of snapshots. The door is {@link
 * io.fisherwatch.prometheus.FisherCollector}.
 */
@NullMarked
package io.fisherwatch.prometheus;

import org.jspecify.annotations.NullMarked;
