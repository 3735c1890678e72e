package io.fisherwatch.share;

/** A record of a part that cannot be used. The message says why, on one line. */
public final class ShareException extends Exception {

  private static final long serialVersionUID = 1L;

  /** The message is one line. */
  public ShareException(String message) {
    super(message);
  }
}
