package io.fisherwatch.state;

import com.fasterxml.jackson.annotation.JsonAlias;

/**
 * A file of a snapshot, never changed once it is there.
 *
 * @param name in the epoch's folder
 * @param bytes its length
 * @param digest of its bytes in lower-case hexadecimal digits: sixteen of a {@link Checksum}, or 64
 *     of SHA-256 in state of version 1
 */
public record StoredFile(String name, long bytes, @JsonAlias("sha256") String digest) {}
