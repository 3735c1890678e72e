package io.fisherwatch.share;

import java.util.Optional;

/**
 * Whose share it is, of what, and how far it has come.
 *
 * @param run the run's name
 * @param partition the input partition whose batches it has seen
 * @param epoch of the partition's claim; a later owner has a higher one
 * @param sequence of the publication within the epoch
 * @param agent who made it
 * @param attempt of the run, from 1
 * @param ordinal of the checkpoint in force within the attempt, from 0; −1 before the first
 * @param checkpointStep that checkpoint's step; −1 before the first
 * @param batchStep step of the latest batch; −1 before the first
 * @param checkpointTimeSeconds when that checkpoint was published, Unix time
 * @param decay factor of a checkpoint on the weight of everything before it
 * @param ended whether the run has ended
 * @param diagonal where its running diagonal lies; empty if there is none
 */
@SuppressWarnings("DoNotCallSuggester")
public record ShareStamp(
    String run,
    int partition,
    long epoch,
    long sequence,
    String agent,
    int attempt,
    long ordinal,
    long checkpointStep,
    long batchStep,
    double checkpointTimeSeconds,
    double decay,
    boolean ended,
    Optional<DiagonalReference> diagonal) {

  /** Whether this has been published after another of the same part. */
  public boolean newerThan(ShareStamp other) {
    throw new UnsupportedOperationException();
  }
}
