package io.fisherwatch.event;

import java.util.OptionalLong;

/** Hears how a source gets on. Called from the source's threads; what it does holds them up. */
public interface EventListener {

  /** What {@link #assigned} gives for the earliest event there is. */
  long EARLIEST = -1;

  /** An event came to its end. Called by the thread that handles events, between two of them. */
  void ended(EndedEvent event);

  /** No event has come for a while. Called by the thread that handles events. */
  default void idle() {}

  /** How many events wait in the partitions that are owned. */
  void lag(long records);

  /**
   * A partition is owned from now on; its events follow.
   *
   * @param assignment tells its events from those of earlier assignments of the partition, of which
   *     one may still be in hand
   * @return where to go on, for a receiver that keeps the offsets together with what came of the
   *     events: an offset, or {@link #EARLIEST}. Empty leaves it to the source: after the last
   *     event whose offset was committed, or at the earliest
   */
  default OptionalLong assigned(String topic, int partition, long assignment) {
    return OptionalLong.empty();
  }

  /**
   * A partition is about to be released; one of its events may be in hand still, and is waited for
   * a while. A handler that itself waits had better stop.
   */
  default void leaving(String topic, int partition) {}

  /**
   * A partition is about to go to somebody else, and none of its events is in hand: the last chance
   * to write down what came of them.
   */
  default void released(String topic, int partition) {}

  /** A partition has gone, and somebody else may own it already: nothing may be written down. */
  default void lost(String topic, int partition) {}

  /** Events are missing: one line that says where, how many and since when the source goes on. */
  default void gap(String message) {}
}
