package io.fisherwatch.snapshot;

/**
 * What the estimator did, as given or as chosen.
 *
 * @param estimator {@code deflated}, {@code hutchinson}, {@code monte-carlo} or {@code exact}
 * @param rank rank-one parts split off; 0 where the estimator splits none
 * @param microBatch examples squared together
 * @param probes independent probes per batch
 * @param distribution {@code rademacher} or {@code gaussian}
 * @param path {@code plain} or {@code tapped}
 * @param pathReason one line that says why plain; empty if tapped
 * @param reason one line that says why rank, micro-batch and probes are what they are
 */
public record Settings(
    String estimator,
    int rank,
    int microBatch,
    int probes,
    String distribution,
    String path,
    String pathReason,
    String reason) {}
