package io.fisherwatch.state;

import java.nio.file.Path;

/**
 * A snapshot that has been verified.
 *
 * @param folder the epoch's, in which its files lie
 * @param manifest what it consists of
 */
public record Snapshot(Path folder, Manifest manifest) {

  /** Where a file of it lies. */
  public Path path(StoredFile file) {
    return folder.resolve(file.name());
  }
}
