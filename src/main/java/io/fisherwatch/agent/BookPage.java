package io.fisherwatch.agent;

import io.fisherwatch.event.CheckpointEvent;
import io.fisherwatch.event.Origin;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.Optional;
import java.util.OptionalLong;

/** What a {@link CheckpointBook} says of one run. For one thread at a time. */
final class BookPage {

  /** Checkpoints that are kept. */
  static final int KEPT = 64;

  private final RecentIds recent = new RecentIds();

  /** The latest checkpoints, of whatever attempt, oldest first. */
  private final Deque<CheckpointBook.Entry> entries = new ArrayDeque<>();

  private int attempt = 1;
  private long ordinal;
  private long step = -1;
  private boolean ended;

  boolean isRepetition(Origin origin) {
    return recent.seen(origin.source(), origin.id());
  }

  void checkpoint(CheckpointEvent event) {
    if (ended || event.step() < step) {
      begin();
    }
    step = event.step();
    entries.addLast(new CheckpointBook.Entry(sharing(event), attempt, ordinal));
    ordinal++;
    if (entries.size() > KEPT) {
      entries.removeFirst();
    }
  }

  /** The same event; its lists are those of the one before if they say the same. */
  private CheckpointEvent sharing(CheckpointEvent event) {
    CheckpointBook.Entry last = entries.peekLast();
    if (last == null
        || !last.event().layers().equals(event.layers())
        || !last.event().inputs().equals(event.inputs())) {
      return event;
    }
    return new CheckpointEvent(
        event.run(),
        event.step(),
        event.graph(),
        event.weights(),
        last.event().inputs(),
        event.logits(),
        event.likelihood(),
        last.event().layers(),
        event.origin());
  }

  void ended(long lastStep) {
    if (ended) {
      begin();
    }
    ended = true;
    step = Math.max(step, lastStep);
  }

  private void begin() {
    attempt++;
    ordinal = 0;
    step = -1;
    ended = false;
  }

  int attempt() {
    return attempt;
  }

  Optional<CheckpointBook.Entry> latest() {
    return Optional.ofNullable(entries.peekLast());
  }

  Optional<CheckpointBook.Entry> find(long wanted) {
    Iterator<CheckpointBook.Entry> latestFirst = entries.descendingIterator();
    while (latestFirst.hasNext()) {
      CheckpointBook.Entry entry = latestFirst.next();
      if (entry.event().step() == wanted) {
        return Optional.of(entry);
      }
    }
    return Optional.empty();
  }

  boolean isForgotten(long wanted) {
    CheckpointBook.Entry oldest = entries.peekFirst();
    return oldest != null
        && oldest.attempt() == attempt
        && oldest.ordinal() > 0
        && wanted < oldest.event().step();
  }

  OptionalLong lastStep(int of) {
    if (of > attempt || (of == attempt && !ended)) {
      return OptionalLong.empty();
    }
    long last = of == attempt ? step : -1;
    for (CheckpointBook.Entry entry : entries) {
      if (entry.attempt() == of) {
        last = Math.max(last, entry.event().step());
      }
    }
    return OptionalLong.of(last);
  }
}
