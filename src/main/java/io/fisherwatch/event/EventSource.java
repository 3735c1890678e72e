package io.fisherwatch.event;

/** Where events come from. */
public interface EventSource extends AutoCloseable {

  /**
   * Hands events to the handler until {@link #stop()}. To be called once.
   *
   * @throws RuntimeException if the source cannot go on
   */
  void run(EventHandler handler, EventListener listener);

  /**
   * Ends {@link #run} after the event in hand and waits for it, 25 seconds at most. For any thread;
   * does not wait if called by the handler.
   */
  void stop();

  /** Whether events can come. */
  boolean ready();

  /** One line that says how it gets on: what it waits for, or what is missing. */
  String status();

  /** Stops. */
  @Override
  default void close() {
    stop();
  }
}
