package io.fisherwatch.event;

/**
 * Where a batch of a run belongs whose batches are spread over many agents.
 *
 * @param name tells the run's streams of batches apart: 1 to 100 letters, digits, dots, {@code _},
 *     −; batches of one shard are kept in order
 * @param checkpointStep the step of the checkpoint whose weights the batch was drawn at, at least 0
 */
public record Shard(String name, long checkpointStep) {

  /** Checks name and step. */
  public Shard {
    Checks.shard(name);
    if (checkpointStep < 0) {
      throw new IllegalArgumentException(
          "checkpointStep is " + checkpointStep + ", which should be 0 or more");
    }
  }
}
