package io.fisherwatch.event;

/** Takes events one at a time, in the order of their partition. */
@FunctionalInterface
public interface EventHandler {

  /**
   * Takes the next event; its place is committed after the return.
   *
   * @throws EventAbandonedException if it is let go, its partition leaving
   * @throws RejectedEventException if it cannot be processed, now or later
   */
  Outcome handle(ReceivedEvent event) throws RejectedEventException;
}
