package io.fisherwatch.event;

import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * An event that cannot be processed, now or later; the stream goes on without it. What is wrong
 * with the process rather than the event is another exception.
 */
public final class RejectedEventException extends Exception {

  private static final long serialVersionUID = 1L;
  private static final Pattern KEBAB = Pattern.compile("[a-z0-9]+(-[a-z0-9]+)*");

  private final String code;

  /**
   * An event to be put aside.
   *
   * @param code the kind of reason, in kebab-case: {@code digest-mismatch}
   * @param message one line that says what was wrong, where, and what would be right
   */
  public RejectedEventException(String code, String message) {
    this(code, message, null);
  }

  /**
   * An event to be put aside, and why in detail.
   *
   * @param code the kind of reason, in kebab-case
   * @param message one line that says what was wrong, where, and what would be right
   * @param cause what showed it
   */
  public RejectedEventException(String code, String message, @Nullable Throwable cause) {
    super(Checks.oneLine(message), cause);
    if (!KEBAB.matcher(code).matches()) {
      throw new IllegalArgumentException(Checks.shown(code) + " is not kebab-case");
    }
    this.code = code;
  }

  /** The kind of reason, in kebab-case. */
  public String code() {
    return code;
  }
}
