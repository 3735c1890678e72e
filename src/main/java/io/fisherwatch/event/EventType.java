package io.fisherwatch.event;

import org.jspecify.annotations.Nullable;

/** The kinds of event. */
public enum EventType {
  CHECKPOINT("checkpoint"),
  BATCH("batch"),
  RUN_ENDED("run-ended"),
  /** None that Fisherwatch knows, or not to be told. */
  OTHER("other");

  private final String label;

  EventType(String label) {
    this.label = label;
  }

  /** The value of the metrics' label. */
  public String label() {
    return label;
  }

  /** The kind of an event. */
  public static EventType of(TrainingEvent event) {
    if (event instanceof CheckpointEvent) {
      return CHECKPOINT;
    }
    return event instanceof BatchEvent ? BATCH : RUN_ENDED;
  }

  /** The kind that a CloudEvents type names; {@link #OTHER} if it is none of ours. */
  static EventType ofName(@Nullable String name) {
    for (EventType type : values()) {
      if (type != OTHER && type.cloudEventsType().equals(name)) {
        return type;
      }
    }
    return OTHER;
  }

  /** The CloudEvents type of the kind, not for {@link #OTHER}. */
  String cloudEventsType() {
    return "io.fisherwatch." + label + ".v1";
  }
}
