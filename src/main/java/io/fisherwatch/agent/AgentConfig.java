package io.fisherwatch.agent;

import io.fisherwatch.config.LoggingConfig;
import io.fisherwatch.kafka.KafkaSettings;
import io.fisherwatch.likelihood.Distribution;
import io.fisherwatch.monitor.Budget;
import io.fisherwatch.monitor.EstimatorKind;
import io.fisherwatch.monitor.EstimatorSettings;
import io.fisherwatch.monitor.FisherMonitor;
import io.fisherwatch.snapshot.Estimate;
import io.fisherwatch.web.WebSettings;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/**
 * The agent's configuration, valid. {@code config/agent.yaml} tells every key.
 *
 * @param kafka where events come from
 * @param files which files events may name, and how far they are trusted
 * @param device where models run
 * @param threads of one operation on the CPU; 0 for one a core
 * @param estimate how to estimate
 * @param web where to listen, and for whom
 * @param historyPoints points kept of each run
 * @param endedRetention how long a run that ended is shown
 * @param maxSeries series of runs in one scrape at most
 * @param residentModels models on the device at the same time at most
 * @param state where running state is kept
 * @param logging what is logged, and how
 * @param shutdownTimeout within which the agent should have stopped
 * @param sharding how runs are watched that are spread over many agents
 */
public record AgentConfig(
    KafkaSettings kafka,
    FilesConfig files,
    String device,
    int threads,
    EstimateConfig estimate,
    WebSettings web,
    int historyPoints,
    Duration endedRetention,
    int maxSeries,
    int residentModels,
    StateConfig state,
    LoggingConfig logging,
    Duration shutdownTimeout,
    ShardingConfig sharding) {

  /** Of an agent that watches whole runs. */
  public AgentConfig(
      KafkaSettings kafka,
      FilesConfig files,
      String device,
      int threads,
      EstimateConfig estimate,
      WebSettings web,
      int historyPoints,
      Duration endedRetention,
      int maxSeries,
      int residentModels,
      StateConfig state,
      LoggingConfig logging,
      Duration shutdownTimeout) {
    this(
        kafka,
        files,
        device,
        threads,
        estimate,
        web,
        historyPoints,
        endedRetention,
        maxSeries,
        residentModels,
        state,
        logging,
        shutdownTimeout,
        ShardingConfig.usual(false, kafka.topic()));
  }

  /** The same, logged differently. */
  public AgentConfig with(LoggingConfig otherLogging) {
    return new AgentConfig(
        kafka,
        files,
        device,
        threads,
        estimate,
        web,
        historyPoints,
        endedRetention,
        maxSeries,
        residentModels,
        state,
        otherLogging,
        shutdownTimeout,
        sharding);
  }

  /** The same, with runs spread differently. */
  public AgentConfig with(ShardingConfig otherSharding) {
    return new AgentConfig(
        kafka,
        files,
        device,
        threads,
        estimate,
        web,
        historyPoints,
        endedRetention,
        maxSeries,
        residentModels,
        state,
        logging,
        shutdownTimeout,
        otherSharding);
  }

  /**
   * Where running state is kept.
   *
   * @param directory the folder; empty for nowhere
   * @param interval between snapshots at least
   */
  public record StateConfig(Optional<Path> directory, Duration interval) {}

  /**
   * How to estimate.
   *
   * @param estimator how core matrices are split
   * @param rank rank-one parts of {@code deflated}; empty for auto
   * @param probes independent probes of what is random; empty for auto
   * @param microBatch examples squared together; empty for auto
   * @param distribution of the probes
   * @param seed of all randomness
   * @param decay factor on everything so far at a new checkpoint
   * @param targetRelativeError of the probes in a batch's trace of F; empty for none
   * @param secondsPerBatch that a batch may take; empty for no limit
   * @param cvEvery batches between measurements of the plain probe's variation; 0 for never
   * @param diagonal whether the running diagonal is kept
   * @param densityEvery batches between looks at the diagonal's density
   * @param latestOnly whether batches of weights that have been overtaken are skipped
   * @param lowPriority whether the process leaves the cores to whoever else wants them
   */
  public record EstimateConfig(
      EstimatorKind estimator,
      OptionalInt rank,
      OptionalInt probes,
      OptionalInt microBatch,
      Distribution distribution,
      long seed,
      double decay,
      OptionalDouble targetRelativeError,
      OptionalDouble secondsPerBatch,
      int cvEvery,
      boolean diagonal,
      int densityEvery,
      boolean latestOnly,
      boolean lowPriority) {

    /** The same, but for batches of weights that have been overtaken, which are skipped. */
    EstimateConfig latest() {
      return new EstimateConfig(
          estimator,
          rank,
          probes,
          microBatch,
          distribution,
          seed,
          decay,
          targetRelativeError,
          secondsPerBatch,
          cvEvery,
          diagonal,
          densityEvery,
          true,
          lowPriority);
    }

    EstimatorSettings settings() {
      EnumSet<Estimate> diagonals = EnumSet.noneOf(Estimate.class);
      if (diagonal) {
        diagonals.add(Estimate.FISHER);
      }
      return new EstimatorSettings(
          estimator,
          rank,
          probes,
          microBatch,
          distribution,
          seed,
          diagonals,
          new Budget(targetRelativeError, secondsPerBatch));
    }

    FisherMonitor.Upkeep upkeep(boolean planHeld) {
      return new FisherMonitor.Upkeep(cvEvery, densityEvery, planHeld);
    }
  }
}
