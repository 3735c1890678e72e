package io.fisherwatch.event;

/** What a handler did with an event that it did not reject. */
public enum Outcome {
  /** It counts. */
  PROCESSED,
  /** It was known already, or is of no concern. */
  SKIPPED
}
