package io.fisherwatch.merge;

import io.fisherwatch.config.LoggingConfig;
import io.fisherwatch.kafka.Connection;
import io.fisherwatch.web.WebSettings;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * The configuration of the merge, valid. {@code config/merge.yaml} tells every key.
 *
 * @param kafka how to reach the broker
 * @param merging what is merged, and where to
 * @param roots folders under which the parts' state files lie
 * @param web where to listen, and for whom
 * @param historyPoints points kept of each run
 * @param maxSeries series of runs in one scrape at most
 * @param logging what is logged, and how
 * @param shutdownTimeout within which the merge should have stopped
 */
public record MergeConfig(
    Connection kafka,
    Merging merging,
    List<Path> roots,
    WebSettings web,
    int historyPoints,
    int maxSeries,
    LoggingConfig logging,
    Duration shutdownTimeout) {

  public MergeConfig {
    roots = List.copyOf(roots);
  }

  /** The same, logged differently. */
  public MergeConfig with(LoggingConfig otherLogging) {
    return new MergeConfig(
        kafka, merging, roots, web, historyPoints, maxSeries, otherLogging, shutdownTimeout);
  }

  /**
   * What is merged, and where to.
   *
   * @param applicationId names the group, the changelog and the transactions
   * @param sharesTopic where agents publish their parts
   * @param topic where merged snapshots go as JSON; empty for nowhere
   * @param diagonals the folder of merged diagonals; empty for none
   * @param diagonalInterval between two merges of a run's diagonals at least
   * @param endedRetention how long a run that has ended is kept
   */
  public record Merging(
      String applicationId,
      String sharesTopic,
      Optional<String> topic,
      Optional<Path> diagonals,
      Duration diagonalInterval,
      Duration endedRetention) {}
}
