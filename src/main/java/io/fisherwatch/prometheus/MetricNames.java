package io.fisherwatch.prometheus;

import java.util.List;

/** The names, labels and help texts of every metric, in one place. */
public final class MetricNames {

  /** A family of series; a counter's name ends in {@code _total}. */
  public record Family(String name, String help) {

    boolean isCounter() {
      return name.endsWith("_total");
    }

    /** The name without the suffix that the format adds to a counter. */
    String base() {
      return isCounter() ? name.substring(0, name.length() - "_total".length()) : name;
    }
  }

  static final String RUN = "run";
  static final String LAYER = "layer";
  static final String ESTIMATE = "estimate";
  static final String BOUND = "bound";

  static final Family TRACE =
      new Family("fisher_trace", "Running estimate of the trace, a mean over examples.");
  static final Family TRACE_STANDARD_ERROR =
      new Family("fisher_trace_standard_error", "Standard error of the trace, probes and data.");
  static final Family PROBE_CV =
      new Family(
          "fisher_trace_probe_cv",
          "Coefficient of variation of one plain whole-batch probe; theory bounds it by sqrt(2).");
  static final Family PROBE_CV_STANDARD_ERROR =
      new Family("fisher_trace_probe_cv_standard_error", "Sampling error of the probe's CV.");
  static final Family GAP =
      new Family("fisher_bound_gap", "Trace between F and its bound on one side; never negative.");
  static final Family QUANTILE =
      new Family("fisher_diagonal_quantile", "Quantiles of the running diagonal of F.");
  static final Family DENSITY =
      new Family(
          "fisher_diagonal_density",
          "Share of the diagonal's entries by decade, named by its lower exponent.");
  static final Family SMALL_SHARE =
      new Family(
          "fisher_diagonal_small_share", "Share of the diagonal's entries below a threshold.");
  static final Family SMALL_SHARE_UNDETERMINED =
      new Family(
          "fisher_diagonal_small_share_undetermined",
          "Share of entries of which noise leaves open whether they are below the threshold.");
  static final Family EFFECTIVE_RANK =
      new Family("fisher_effective_rank", "tr(F)^2 / tr(F^2) of the latest batch's F.");
  static final Family TOP_EIGENVALUE =
      new Family("fisher_top_eigenvalue", "Largest eigenvalue of the latest batch's F, estimated.");
  static final Family PARAMETERS = new Family("fisher_parameters", "Scalar parameters in all.");
  static final Family PARAMETERS_COVERED =
      new Family("fisher_parameters_covered", "Scalar parameters that a gradient path leads to.");
  static final Family NONFINITE =
      new Family("fisher_nonfinite_total", "Non-finite gradient values met.");
  static final Family CORE_TRACE =
      new Family("fisher_core_trace", "Trace of the outputs' core matrix, mean over examples.");
  static final Family CORE_TOP_EIGENVALUE =
      new Family("fisher_core_top_eigenvalue", "Its largest eigenvalue, mean over examples.");
  static final Family CORE_MAX_PROBABILITY =
      new Family("fisher_core_max_probability", "Largest probability, mean over examples.");
  static final Family CORE_ENTROPY =
      new Family("fisher_core_entropy", "Entropy of the outputs in nats, mean over examples.");
  static final Family CHECKPOINT_STEP =
      new Family("fisher_checkpoint_step", "Optimizer step of the checkpoint in force.");
  static final Family CHECKPOINT_TIMESTAMP =
      new Family("fisher_checkpoint_timestamp_seconds", "When that checkpoint was published.");
  static final Family ESTIMATE_TIMESTAMP =
      new Family("fisher_estimate_timestamp_seconds", "When the latest figures were made.");
  static final Family EXAMPLES = new Family("fisher_examples_total", "Examples estimated on.");
  static final Family PROBES = new Family("fisher_probes_total", "Independent probes made.");
  static final Family RANK =
      new Family("fisher_rank", "Rank-one parts that the estimator splits off.");
  static final Family MICRO_BATCH =
      new Family("fisher_micro_batch_examples", "Examples squared together.");
  static final Family PROBES_PER_BATCH =
      new Family("fisher_probes_per_batch", "Independent probes for each batch.");
  static final Family EFFECTIVE_BATCHES =
      new Family("fisher_effective_batches", "How many batches the running figures are worth.");
  static final Family LAG_STEPS =
      new Family("fisher_estimate_lag_steps", "How many steps the running figures look back.");
  static final Family PATH_INFO =
      new Family("fisher_path_info", "1 for the way in which squares are made.");

  /** Those of the agent itself. */
  static final Family EVENTS =
      new Family("fisherwatch_events_total", "Events by type and by how they ended.");

  static final Family HANDLE_SECONDS =
      new Family("fisherwatch_handle_seconds", "Time to handle an event.");
  static final Family CONSUMER_LAG =
      new Family("fisherwatch_consumer_lag", "Records that wait in the partitions owned.");
  static final Family SERIES_DROPPED =
      new Family(
          "fisherwatch_series_dropped_total", "Series left out of scrapes for being too many.");

  static final Family EVENT_AGE =
      new Family(
          "fisherwatch_event_age_seconds",
          "Time from the publication of the latest event to its end; absent before the first.");
  static final Family STATE_BYTES =
      new Family("fisherwatch_state_bytes", "Bytes of the latest snapshots of the running state.");
  static final Family SNAPSHOT_SECONDS =
      new Family("fisherwatch_snapshot_seconds", "Time to copy and write a snapshot of the state.");
  static final Family PARTITION_OWNED =
      new Family("fisherwatch_partition_owned", "1 for each input partition that this agent owns.");

  /** Those of the merge of runs that many agents share. */
  static final Family MERGED_AGENTS =
      new Family("fisherwatch_merged_agents", "Agents whose parts are in the runs merged now.");

  static final Family SHARES =
      new Family("fisherwatch_shares_total", "Records of shares by how they ended.");

  private MetricNames() {}

  /** Every family, in the order of the documentation. */
  public static List<Family> all() {
    return List.of(
        TRACE,
        TRACE_STANDARD_ERROR,
        PROBE_CV,
        PROBE_CV_STANDARD_ERROR,
        GAP,
        QUANTILE,
        DENSITY,
        SMALL_SHARE,
        SMALL_SHARE_UNDETERMINED,
        EFFECTIVE_RANK,
        TOP_EIGENVALUE,
        PARAMETERS,
        PARAMETERS_COVERED,
        NONFINITE,
        CORE_TRACE,
        CORE_TOP_EIGENVALUE,
        CORE_MAX_PROBABILITY,
        CORE_ENTROPY,
        CHECKPOINT_STEP,
        CHECKPOINT_TIMESTAMP,
        ESTIMATE_TIMESTAMP,
        EXAMPLES,
        PROBES,
        RANK,
        MICRO_BATCH,
        PROBES_PER_BATCH,
        EFFECTIVE_BATCHES,
        LAG_STEPS,
        PATH_INFO,
        EVENTS,
        HANDLE_SECONDS,
        CONSUMER_LAG,
        EVENT_AGE,
        STATE_BYTES,
        SNAPSHOT_SECONDS,
        PARTITION_OWNED,
        MERGED_AGENTS,
        SHARES,
        SERIES_DROPPED);
  }
}
