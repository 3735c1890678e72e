package io.fisherwatch.event;

/** Makes events of messages. For any thread. */
@FunctionalInterface
public interface EventDecoder {

  /**
   * The event that a message holds.
   *
   * @throws RejectedEventException if it holds none that may be where it was
   */
  TrainingEvent decode(EventMessage message) throws RejectedEventException;
}
