package io.fisherwatch.cli;

import java.nio.file.Files;
import java.nio.file.Path;

/** Files that a command names. */
final class ConfigFiles {

  private ConfigFiles() {}

  static Path require(Path file) throws UsageException {
    if (!Files.isRegularFile(file)) {
      throw new UsageException(file + " is not there, or no plain file");
    }
    return file;
  }
}
