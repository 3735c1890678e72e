package io.fisherwatch.state;

/**
 * Saved state that is there cannot be used. The message says which, why, and what to do; nothing
 * has been deleted.
 */
public final class StateException extends Exception {

  private static final long serialVersionUID = 1L;

  /** The message is one line. */
  public StateException(String message) {
    super(message);
  }
}
