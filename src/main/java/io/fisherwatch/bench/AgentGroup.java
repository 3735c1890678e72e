package io.fisherwatch.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

/** Agents in processes of their own that share the partitions of a topic. For any thread. */
final class AgentGroup implements AutoCloseable {

  private static final long MOST_NANOS = TimeUnit.HOURS.toNanos(1);
  private static final long SHARED_NANOS = TimeUnit.MINUTES.toNanos(5);

  private final Path folder;
  private final String yaml;
  private final int partitions;
  private final Map<String, WatchedAgent> agents = new ConcurrentHashMap<>();

  /** Something to be waited for. */
  @FunctionalInterface
  private interface Condition {
    boolean holds() throws IOException, InterruptedException;
  }

  /**
   * A group without agents.
   *
   * @param folder for their configurations and logs
   * @param yaml the configuration of each, but for {@code web}
   * @param partitions of the topic
   */
  AgentGroup(Path folder, String yaml, int partitions) {
    this.folder = folder;
    this.yaml = yaml;
    this.partitions = partitions;
  }

  void start(String name) throws IOException {
    agents.put(name, WatchedAgent.start(folder, name, yaml));
  }

  /** Ends an agent without a farewell. */
  void kill(String name) {
    WatchedAgent agent = agents.remove(name);
    if (agent == null) {
      throw new IllegalArgumentException("no agent is called " + name);
    }
    agent.close();
  }

  /** Events that have ended in all partitions that are owned now. */
  long ended() throws IOException, InterruptedException {
    long ended = 0;
    for (WatchedAgent agent : agents.values()) {
      ended += agent.ended();
    }
    return ended;
  }

  /** Examples estimated on, by run. */
  Map<String, Long> examples() throws IOException, InterruptedException {
    Map<String, Long> examples = new HashMap<>();
    for (WatchedAgent agent : agents.values()) {
      agent.examples().forEach((run, count) -> examples.merge(run, count, Long::sum));
    }
    return examples;
  }

  /** Waits until every agent owns something, and all of them everything. */
  void awaitShared() throws IOException, InterruptedException {
    await("all partitions to be owned", SHARED_NANOS, 50, this::shared);
  }

  private boolean shared() throws IOException, InterruptedException {
    List<Set<Integer>> owned = new ArrayList<>();
    for (WatchedAgent agent : agents.values()) {
      owned.add(agent.partitions());
    }
    Set<Integer> all = new TreeSet<>();
    owned.forEach(all::addAll);
    return all.size() == partitions
        && owned.stream().mapToInt(Set::size).sum() == partitions
        && owned.stream().noneMatch(Set::isEmpty);
  }

  /** Waits until so many events have ended. */
  void awaitEnded(long events) throws IOException, InterruptedException {
    await(events + " events to end", MOST_NANOS, 5, () -> ended() >= events);
  }

  private static void await(String what, long nanos, long everyMillis, Condition condition)
      throws IOException, InterruptedException {
    long start = System.nanoTime();
    while (!condition.holds()) {
      if (System.nanoTime() - start > nanos) {
        throw new IllegalStateException("waited in vain for " + what);
      }
      TimeUnit.MILLISECONDS.sleep(everyMillis);
    }
  }

  @Override
  public void close() {
    agents.values().forEach(WatchedAgent::close);
    agents.clear();
  }
}
