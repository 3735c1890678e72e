package io.fisherwatch.runtime;

/**
 * A model, its weights or a batch cannot be used. The message is one line that says what was wrong,
 * where, and what would be right.
 */
public final class ModelException extends Exception {

  private static final long serialVersionUID = 1L;

  private final String code;
  private final String message;

  /**
   * @param code kebab-case, as in the header of a dead letter: {@code shape-mismatch}, {@code
   *     bad-graph}, …
   * @param message one line
   */
  public ModelException(String code, String message) {
    super(message);
    this.code = code;
    this.message = message;
  }

  /** As above, with the cause for {@code --verbose}. */
  public ModelException(String code, String message, Throwable cause) {
    super(message, cause);
    this.code = code;
    this.message = message;
  }

  @Override
  public String getMessage() {
    return message;
  }

  /** The kebab-case code. */
  public String code() {
    return code;
  }
}
