package io.fisherwatch.event;

import java.util.OptionalLong;

/** Hears how a source gets on. Called from the source's threads; what it does holds them up. */
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

  /** A partition is owned from now on; its events follow. */
  default void assigned(String topic, int partition) {}

  /**
   * Where to go on in a partition that has just been assigned, for a receiver that keeps the
   * offsets together with what came of the events. Empty leaves it to the source: after the last
   * event whose offset was committed, or at the earliest.
   */
  default OptionalLong resumeAt(String topic, int partition) {
    return OptionalLong.empty();
  }

  /** A partition is about to go to somebody else: the last chance to write down what came of it. */
  default void released(String topic, int partition) {}

  /** Events are missing: one line that says where, how many and since when the source goes on. */
  default void gap(String message) {}
}
