package io.fisherwatch.event;

/**
 * A run is over.
 *
 * @param run the run's name
 * @param step its last optimizer step, at least 0
 * @param completed whether it came to its end; false if it failed
 * @param origin who sent it
 */
public record RunEndedEvent(String run, long step, boolean completed, Origin origin)
    implements TrainingEvent {

  /** Checks name and step. */
  public RunEndedEvent {
    Checks.run(run);
    Checks.step(step);
  }
}
