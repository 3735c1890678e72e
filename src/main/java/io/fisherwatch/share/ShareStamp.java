package io.fisherwatch.share;

import java.util.Optional;

/**
 * Whose share it is, of what, and how far it has come.
 *
 * @param run the run's name, without a {@code /}
 * @param partition the input partition whose batches it has seen, from 0
 * @param epoch of the partition's claim, from 0; a later owner has a higher one
 * @param sequence of the publication within the epoch, from 0
 * @param agent who made it
 * @param attempt of the run, from 0
 * @param ordinal of the checkpoint in force within the attempt, from 0; −1 before the first
 * @param checkpointStep that checkpoint's step; −1 before the first
 * @param batchStep step of the latest batch; −1 before the first
 * @param checkpointTimeSeconds when that checkpoint was published, Unix time
 * @param decay factor of a checkpoint on the weight of everything before it, 0 to 1
 * @param ended whether the run has ended
 * @param diagonal where its running diagonal lies; empty if there is none
 */
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

  public ShareStamp {
    if (run.isEmpty() || run.indexOf('/') >= 0) {
      throw new IllegalArgumentException("run is \"" + run + "\", empty or with a /");
    }
    requireAtLeast("partition", partition, 0);
    requireAtLeast("epoch", epoch, 0);
    requireAtLeast("sequence", sequence, 0);
    requireAtLeast("attempt", attempt, 0);
    requireAtLeast("ordinal", ordinal, -1);
    requireAtLeast("checkpointStep", checkpointStep, -1);
    requireAtLeast("batchStep", batchStep, -1);
    if (!Double.isFinite(checkpointTimeSeconds) || !(decay >= 0 && decay <= 1)) {
      throw new IllegalArgumentException(
          "checkpointTimeSeconds is " + checkpointTimeSeconds + ", decay " + decay);
    }
  }

  private static void requireAtLeast(String name, long value, long least) {
    if (value < least) {
      throw new IllegalArgumentException(name + " " + value + " is below " + least);
    }
  }

  /** Whether this has been published after another of the same part: by (epoch, sequence). */
  public boolean newerThan(ShareStamp other) {
    return version().compareTo(other.version()) > 0;
  }

  Version version() {
    return new Version(epoch, sequence);
  }
}
