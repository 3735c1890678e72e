package io.fisherwatch.event;

import java.time.Instant;
import java.util.Optional;

/**
 * Who sent an event. Source and id together tell a repetition from something new.
 *
 * @param source the training job, a URI reference
 * @param id the event's name, unique within its source
 * @param time when it happened, if the sender said so
 */
public record Origin(String source, String id, Optional<Instant> time) {

  /** Checks that source and id say something. */
  public Origin {
    if (source.isBlank() || id.isBlank()) {
      throw new IllegalArgumentException("source and id should not be blank");
    }
  }
}
