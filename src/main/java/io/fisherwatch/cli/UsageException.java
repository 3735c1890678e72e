package io.fisherwatch.cli;

/** Wrong usage or configuration, a named file that does not exist included: exit code 2. */
final class UsageException extends Exception {

  private static final long serialVersionUID = 1L;

  UsageException(String message) {
    super(message);
  }
}
