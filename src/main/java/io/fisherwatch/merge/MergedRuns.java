package io.fisherwatch.merge;

import io.fisherwatch.share.MergedRun;
import io.fisherwatch.share.ShareStamp;
import io.fisherwatch.snapshot.DiagonalFigure;
import io.fisherwatch.snapshot.RunSnapshot;
import io.fisherwatch.snapshot.SnapshotBoard;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The merged runs as everyone else sees them: the latest merge of each, on the board with what its
 * merged diagonal looks like. Runs of a task that was given up stay until it is settled where the
 * task is now, so that a thread that is replaced leaves no gap. Safe for many threads.
 */
final class MergedRuns {

  private final SnapshotBoard board;
  private final Map<String, MergedRun> latest = new HashMap<>();
  private final Map<String, Map<String, DiagonalFigure>> diagonals = new HashMap<>();

  /** Whose diagonal looks otherwise than what is on the board. */
  private final Set<String> repainted = new HashSet<>();

  private final Map<String, Integer> taskOf = new HashMap<>();
  private final Set<Integer> givenUp = new HashSet<>();

  MergedRuns(SnapshotBoard board) {
    this.board = board;
  }

  /** A task of a partition of shares is here. */
  synchronized void taken(int task) {
    givenUp.remove(task);
  }

  /** A task goes: elsewhere, or to a new thread here. */
  synchronized void givenUp(int task) {
    givenUp.add(task);
  }

  /** Every task is where it should be: the runs of those that are elsewhere go. */
  synchronized void settled() {
    List<String> gone =
        taskOf.entrySet().stream()
            .filter(entry -> givenUp.contains(entry.getValue()))
            .map(Map.Entry::getKey)
            .toList();
    gone.forEach(this::remove);
    givenUp.clear();
  }

  /**
   * Puts a merge on the board.
   *
   * @return the snapshot as it stands there
   */
  synchronized RunSnapshot publish(int task, MergedRun merged) {
    String run = merged.snapshot().run();
    MergedRun before = latest.put(run, merged);
    if (before != null && before.snapshot().attempt() != merged.snapshot().attempt()) {
      diagonals.remove(run);
    }
    taskOf.put(run, task);
    repainted.remove(run);
    RunSnapshot snapshot =
        DiagonalFigures.in(merged.snapshot(), diagonals.getOrDefault(run, Map.of()));
    board.published(snapshot);
    return snapshot;
  }

  /** Forgets a run. */
  synchronized void remove(String run) {
    latest.remove(run);
    taskOf.remove(run);
    diagonals.remove(run);
    repainted.remove(run);
    board.remove(run);
  }

  /** The latest merge of every run. */
  synchronized List<MergedRun> all() {
    return new ArrayList<>(latest.values());
  }

  /** The latest merge of a run; null if it is not known. */
  synchronized @Nullable MergedRun find(String run) {
    return latest.get(run);
  }

  /**
   * Says what a run's merged diagonal looks like, by layer; it is shown with the next snapshot,
   * unless that is of another attempt.
   */
  synchronized void diagonal(RunSnapshot of, Map<String, DiagonalFigure> figures) {
    String run = of.run();
    MergedRun current = latest.get(run);
    if (current != null && current.snapshot().attempt() == of.attempt()) {
      diagonals.put(run, Map.copyOf(figures));
      repainted.add(run);
    }
  }

  /** Whether a run's diagonal looks otherwise than what is on the board. */
  synchronized boolean isRepainted(String run) {
    return repainted.contains(run);
  }

  /** Distinct agents among the parts of all runs. */
  synchronized long agents() {
    return latest.values().stream()
        .flatMap(merged -> merged.stamps().stream())
        .map(ShareStamp::agent)
        .collect(Collectors.toSet())
        .size();
  }
}
