package io.fisherwatch.snapshot;

/**
 * Hears of every snapshot. Called on the thread that made it, one call at a time for a run; must
 * not block.
 */
@FunctionalInterface
public interface SnapshotListener {

  /** A run has new figures. */
  void published(RunSnapshot snapshot);
}
