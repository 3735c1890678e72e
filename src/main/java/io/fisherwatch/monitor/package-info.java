/**
 * The public API: joins likelihood, estimate and runtime in one readable method and publishes
 * snapshots. The door is {@link io.fisherwatch.monitor.FisherMonitor}.
 */
@NullMarked
package io.fisherwatch.monitor;

import org.jspecify.annotations.NullMarked;
