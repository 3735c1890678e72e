package io.fisherwatch.state;

/**
 * A file of a snapshot, never changed once it is there.
 *
 * @param name in the epoch's folder
 * @param bytes its length
 * @param sha256 of its bytes, lower-case hexadecimal
 */
public record StoredFile(String name, long bytes, String sha256) {}
