package io.fisherwatch.files;

/** A file that may not be read, or that is not there. */
public final class RejectedPathException extends Exception {

  private static final long serialVersionUID = 1L;

  private final String code;
  private final String message;

  RejectedPathException(String code, String message) {
    super(message);
    this.code = code;
    this.message = message;
  }

  @Override
  public String getMessage() {
    return message;
  }

  /** {@code unsupported-uri}, {@code file-outside-roots} or {@code file-not-found}. */
  public String code() {
    return code;
  }
}
