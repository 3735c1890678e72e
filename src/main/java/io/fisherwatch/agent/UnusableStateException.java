package io.fisherwatch.agent;

/** Saved state is there but cannot be used, so that the agent must not go on. */
public final class UnusableStateException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  UnusableStateException(String message) {
    super(message);
  }

  UnusableStateException(String message, Exception cause) {
    super(message, cause);
  }
}
