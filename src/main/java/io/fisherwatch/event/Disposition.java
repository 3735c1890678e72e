package io.fisherwatch.event;

/** How an event ended; every event ends in exactly one way. */
public enum Disposition {
  PROCESSED("processed"),
  SKIPPED("skipped"),
  DEAD_LETTERED("dead_lettered");

  private final String label;

  Disposition(String label) {
    this.label = label;
  }

  /** The value of the metrics' label. */
  public String label() {
    return label;
  }

  /** How an event ends after this outcome. */
  public static Disposition of(Outcome outcome) {
    return switch (outcome) {
      case PROCESSED -> PROCESSED;
      case SKIPPED -> SKIPPED;
    };
  }
}
