package io.fisherwatch.kafka;

/**
 * A topic that is to be read as a whole cannot be. The message says why, and what would be right.
 */
final class TopicRefusedException extends Exception {

  private static final long serialVersionUID = 1L;

  TopicRefusedException(String message) {
    super(message);
  }

  @Override
  public String getMessage() {
    return String.valueOf(super.getMessage());
  }
}
