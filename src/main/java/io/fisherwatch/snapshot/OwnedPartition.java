package io.fisherwatch.snapshot;

/**
 * An input partition that this agent has.
 *
 * @param topic its topic
 * @param partition its number
 */
public record OwnedPartition(String topic, int partition) {}
