package io.fisherwatch.share;

import java.util.List;
import java.util.Optional;

/** The parts of one run, as their records come in. For one thread. */
@SuppressWarnings("DoNotCallSuggester")
public final class RunParts {

  /** No parts yet. */
  public RunParts(String run) {
    throw new UnsupportedOperationException(run);
  }

  /**
   * Takes in a record.
   *
   * @return whether a part became complete or newer by it
   * @throws ShareException if it is malformed or another run's; nothing has changed then
   */
  public boolean add(ShareRecord shared) throws ShareException {
    throw new UnsupportedOperationException(shared.key());
  }

  /** The latest complete version of every part, in the order of partitions. */
  public List<Part> parts() {
    throw new UnsupportedOperationException();
  }

  /**
   * Merges the parts of the newest attempt.
   *
   * @param nowSeconds Unix time of the figures
   * @return empty while there is no part
   */
  public Optional<MergedRun> merge(double nowSeconds) {
    throw new UnsupportedOperationException();
  }
}
