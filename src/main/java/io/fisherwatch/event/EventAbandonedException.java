package io.fisherwatch.event;

/**
 * A handler lets go of an event that it has not begun with: its partition is leaving, and whoever
 * owns it next is handed the event again. To be thrown only after {@link EventListener#leaving}, or
 * by an interrupted thread.
 */
public final class EventAbandonedException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  /** For a reason. */
  public EventAbandonedException(String message) {
    super(message);
  }
}
