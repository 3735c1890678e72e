package io.fisherwatch.agent;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** The last 10,000 events of a run, by source and id. For one thread. */
final class RecentIds {

  private static final int MOST = 10_000;

  private record Id(String source, String id) {}

  private final ArrayDeque<Id> order = new ArrayDeque<>();
  private final Set<Id> known = new HashSet<>();

  /** Remembers an event and tells whether it was known already. */
  boolean seen(String source, String id) {
    Id event = new Id(source, id);
    if (!known.add(event)) {
      return true;
    }
    order.addLast(event);
    if (order.size() > MOST) {
      known.remove(order.removeFirst());
    }
    return false;
  }

  /** Whether an event is known; it is not remembered. */
  boolean isKnown(String source, String id) {
    return known.contains(new Id(source, id));
  }

  /** Source and id by turns, the oldest event first. */
  List<String> list() {
    List<String> list = new ArrayList<>(2 * order.size());
    for (Id event : order) {
      list.add(event.source);
      list.add(event.id);
    }
    return list;
  }

  /** Remembers what {@link #list()} gave. */
  void remember(List<String> list) {
    for (int i = 0; i + 1 < list.size(); i += 2) {
      seen(list.get(i), list.get(i + 1));
    }
  }
}
