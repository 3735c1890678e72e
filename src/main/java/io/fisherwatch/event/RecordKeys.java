package io.fisherwatch.event;

import static io.fisherwatch.event.JsonFields.undecodable;

import io.cloudevents.CloudEvent;
import java.nio.charset.StandardCharsets;

/** What records are keyed by: the run, or, for a shard's batch, the run, a slash and the shard. */
final class RecordKeys {

  private static final String SLASH = "/";

  private RecordKeys() {}

  static byte[] of(TrainingEvent event) {
    String key = event.run();
    if (event instanceof BatchEvent batch && batch.shard().isPresent()) {
      key += SLASH + batch.shard().get().name();
    }
    return key.getBytes(StandardCharsets.UTF_8);
  }

  /** A record without a shard is keyed by its run alone. */
  static void checkIsRun(EventMessage message, String run) throws RejectedEventException {
    String key = text(message, run);
    if (!key.equals(run)) {
      throw mismatch("the record's key is " + Checks.shown(key), run);
    }
  }

  /** The shard that a batch belongs to, by its key and its header. */
  static Shard shard(EventMessage message, String run, CloudEvent envelope)
      throws RejectedEventException {
    String key = text(message, run);
    if (!key.startsWith(run + SLASH)) {
      throw mismatch(
          "the record's key is " + Checks.shown(key) + ", without a slash and a shard", run);
    }
    long step = Envelopes.step(envelope, Envelopes.CHECKPOINT_STEP, "the step of its checkpoint");
    try {
      return new Shard(key.substring(run.length() + SLASH.length()), step);
    } catch (IllegalArgumentException e) {
      throw undecodable("the record's key: " + e.getMessage(), e);
    }
  }

  private static String text(EventMessage message, String run) throws RejectedEventException {
    byte[] key = message.key();
    if (key == null) {
      throw mismatch("the record has no key", run);
    }
    return new String(key, StandardCharsets.UTF_8);
  }

  static RejectedEventException mismatch(String what, String run) {
    return new RejectedEventException(
        "run-mismatch", what + ", which should be the subject, " + Checks.shown(run));
  }
}
