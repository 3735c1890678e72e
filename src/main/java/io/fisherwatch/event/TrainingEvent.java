package io.fisherwatch.event;

/** What a training job says of one of its runs. */
public sealed interface TrainingEvent permits CheckpointEvent, BatchEvent, RunEndedEvent {

  /** The run's name: a letter or digit, then at most 199 letters, digits, dots, {@code _}, −. */
  String run();

  /** The optimizer step that the event belongs to, at least 0. */
  long step();

  /** Who sent it. */
  Origin origin();
}
