package io.fisherwatch.share;

/**
 * One record of the topic of shares.
 *
 * @param key {@code run/partition/layer}, with an empty layer for the header
 * @param value a safetensors file; not copied, not to be changed
 */
@SuppressWarnings("ArrayRecordComponent")
public record ShareRecord(String key, byte[] value) {}
