package io.fisherwatch.snapshot;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * Where snapshots are pinned: the latest of every run, with a bounded history of each. Safe for use
 * by many threads; readers see whole snapshots only.
 *
 * <p>A history that has grown to its limit loses every second point of its older half, so that it
 * always spans the whole run, finer towards the present.
 */
public final class SnapshotBoard implements SnapshotListener {

  /** Figures of layers that a run's history keeps at most; of 300 layers that took 67 MB. */
  private static final int MOST_LAYER_FIGURES = 50_000;

  private final int historyLimit;
  private final List<SnapshotListener> listeners = new CopyOnWriteArrayList<>();
  private final Map<String, List<HistoryPoint>> histories = new TreeMap<>();
  private final Map<String, Long> durableSteps = new ConcurrentHashMap<>();
  private volatile SortedMap<String, RunSnapshot> latest = new TreeMap<>();

  /**
   * @param historyLimit points kept for each run, at least 4; fewer of a run with many layers
   */
  public SnapshotBoard(int historyLimit) {
    if (historyLimit < 4) {
      throw new IllegalArgumentException("history limit " + historyLimit + " is below 4");
    }
    this.historyLimit = historyLimit;
  }

  /** Adds a listener that hears of every snapshot once it is on the board. */
  public void listen(SnapshotListener listener) {
    listeners.add(listener);
  }

  /** Takes a listener off; a no-op for one that is not there. */
  public void unlisten(SnapshotListener listener) {
    listeners.remove(listener);
  }

  @Override
  public void published(RunSnapshot snapshot) {
    synchronized (this) {
      SortedMap<String, RunSnapshot> next = new TreeMap<>(latest);
      next.put(snapshot.run(), snapshot);
      List<HistoryPoint> history =
          histories.computeIfAbsent(snapshot.run(), run -> new ArrayList<>());
      if (history.size() >= limit(snapshot.figures().layers().size())) {
        thin(history);
      }
      history.add(point(snapshot));
      latest = next;
    }
    for (SnapshotListener listener : listeners) {
      listener.published(snapshot);
    }
  }

  /** Puts a run back as it was, with its history. */
  public void restore(RunSnapshot snapshot, List<HistoryPoint> history) {
    synchronized (this) {
      SortedMap<String, RunSnapshot> next = new TreeMap<>(latest);
      next.put(snapshot.run(), snapshot);
      histories.put(snapshot.run(), new ArrayList<>(history));
      latest = next;
    }
    for (SnapshotListener listener : listeners) {
      listener.published(snapshot);
    }
  }

  /**
   * Notes the step of the checkpoint that a restart of the agent would read for a run: trainers may
   * delete the files of earlier ones.
   */
  public void durable(String run, long step) {
    durableSteps.put(run, step);
  }

  /** That step; empty while nothing of the run is durable. */
  public OptionalLong durableStep(String run) {
    Long step = durableSteps.get(run);
    return step == null ? OptionalLong.empty() : OptionalLong.of(step);
  }

  /** Forgets a run, its history included. */
  public synchronized void remove(String run) {
    SortedMap<String, RunSnapshot> next = new TreeMap<>(latest);
    next.remove(run);
    histories.remove(run);
    durableSteps.remove(run);
    latest = next;
  }

  /** The latest snapshot of every run, by name: one consistent and unchanging view. */
  public Map<String, RunSnapshot> runs() {
    return java.util.Collections.unmodifiableSortedMap(latest);
  }

  /** The latest snapshot of a run. */
  public Optional<RunSnapshot> run(String run) {
    return Optional.ofNullable(latest.get(run));
  }

  /** A run's history, oldest first; empty for an unknown run. */
  public synchronized List<HistoryPoint> history(String run) {
    return List.copyOf(histories.getOrDefault(run, List.of()));
  }

  private int limit(int layers) {
    return Math.max(4, Math.min(historyLimit, MOST_LAYER_FIGURES / layers));
  }

  private static HistoryPoint point(RunSnapshot snapshot) {
    List<LayerFigures> layers = new ArrayList<>();
    for (LayerFigures layer : snapshot.figures().layers()) {
      layers.add(
          new LayerFigures(
              layer.layer(),
              layer.parameters(),
              layer.covered(),
              layer.nonFinite(),
              layer.traces(),
              layer.gaps(),
              layer.layer().equals(LayerFigures.TOTAL) ? layer.diagonal() : Optional.empty(),
              Optional.empty(),
              Optional.empty(),
              Optional.empty()));
    }
    return new HistoryPoint(
        snapshot.attempt(),
        snapshot.step(),
        snapshot.batchStep(),
        snapshot.estimateTimeSeconds(),
        layers);
  }

  private static void thin(List<HistoryPoint> history) {
    List<HistoryPoint> kept = new ArrayList<>();
    int half = history.size() / 2;
    for (int i = 0; i < history.size(); i++) {
      if (i >= half || i % 2 == 0) {
        kept.add(history.get(i));
      }
    }
    history.clear();
    history.addAll(kept);
  }
}
