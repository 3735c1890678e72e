package io.fisherwatch.snapshot;

/**
 * One consistent state of a run's estimates.
 *
 * @param run the run's name
 * @param attempt 1 for the first, one more each time the run began again
 * @param step the optimizer step of the checkpoint in force
 * @param batchStep the step at which the latest batch was drawn
 * @param checkpointTimeSeconds when that checkpoint was published, Unix time
 * @param estimateTimeSeconds when these figures were made, Unix time
 * @param effectiveBatches how many equally weighted batches the running figures are worth
 * @param lagSteps how many steps the running figures look back on average
 * @param ended whether the run has ended
 * @param figures the running estimates
 */
public record RunSnapshot(
    String run,
    int attempt,
    long step,
    long batchStep,
    double checkpointTimeSeconds,
    double estimateTimeSeconds,
    double effectiveBatches,
    double lagSteps,
    boolean ended,
    Figures figures) {

  /** The same figures of a run that has ended at a step. */
  public RunSnapshot asEnded(long lastStep) {
    return new RunSnapshot(
        run,
        attempt,
        lastStep,
        batchStep,
        checkpointTimeSeconds,
        estimateTimeSeconds,
        effectiveBatches,
        lagSteps + Math.max(lastStep, batchStep) - Math.max(step, batchStep),
        true,
        figures);
  }
}
