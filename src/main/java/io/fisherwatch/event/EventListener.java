package io.fisherwatch.event;

/** Hears how a source gets on. Called from the source's threads; must be quick. */
public interface EventListener {

  /**
   * An event came to its end.
   *
   * @param type its kind
   * @param outcome how it ended
   * @param seconds how long that took
   */
  void ended(EventType type, Disposition outcome, double seconds);

  /** How many events wait in the partitions that are owned. */
  void lag(long records);

  /** A partition is owned from now on. */
  default void assigned(String topic, int partition) {}

  /** A partition is not owned any more. */
  default void released(String topic, int partition) {}

  /** Events are missing: one line that says where, how many and since when the source goes on. */
  default void gap(String message) {}
}
