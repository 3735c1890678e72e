package io.fisherwatch.event;

import static io.fisherwatch.event.JsonFields.undecodable;

import io.cloudevents.CloudEvent;
import io.cloudevents.CloudEventData;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.SafetensorsException;
import io.fisherwatch.safetensors.SafetensorsReader;
import io.fisherwatch.safetensors.SafetensorsWriter;
import java.nio.charset.StandardCharsets;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Training events as CloudEvents 1.0, after the Kafka protocol binding: attributes in {@code ce_}
 * headers (binary mode), or the whole event as JSON (structured mode). The key, the subject and the
 * body's run agree; of a shard's batch the key is the run, a slash and the shard.
 */
public final class CloudEventCodec {

  private static final String SAFETENSORS = "application/vnd.safetensors";

  private CloudEventCodec() {}

  /**
   * The event that a message holds, in either mode.
   *
   * @throws RejectedEventException {@code undecodable}, {@code unknown-type}, {@code run-mismatch},
   *     or {@code empty-batch} for safetensors without a tensor
   */
  public static TrainingEvent decode(EventMessage message) throws RejectedEventException {
    return decode(message, false);
  }

  /**
   * As {@link #decode}, but batches are those of shards: keyed by run and shard, with the step of
   * their checkpoint.
   *
   * @throws RejectedEventException as {@link #decode} does
   */
  public static TrainingEvent decodeSharded(EventMessage message) throws RejectedEventException {
    return decode(message, true);
  }

  private static TrainingEvent decode(EventMessage message, boolean sharded)
      throws RejectedEventException {
    CloudEvent envelope = Envelopes.read(message);
    EventType type = EventType.ofName(envelope.getType());
    if (type == EventType.OTHER) {
      throw new RejectedEventException(
          "unknown-type",
          "ce_type is "
              + Checks.shown(envelope.getType())
              + ", which should be io.fisherwatch.checkpoint.v1, .batch.v1 or .run-ended.v1");
    }
    String run = subject(envelope);
    Optional<Shard> shard = Optional.empty();
    if (sharded && type == EventType.BATCH) {
      shard = Optional.of(RecordKeys.shard(message, run, envelope));
    } else {
      RecordKeys.checkIsRun(message, run);
    }
    CloudEventData data = envelope.getData();
    byte[] body = data == null ? null : data.toBytes();
    if (body == null || body.length == 0) {
      throw undecodable("the event has no body", null);
    }
    Origin origin =
        new Origin(
            envelope.getSource().toString(),
            envelope.getId(),
            Optional.ofNullable(envelope.getTime()).map(OffsetDateTime::toInstant));
    String contentType = mediaType(envelope.getDataContentType());
    TrainingEvent event =
        switch (type) {
          case CHECKPOINT -> EventBodies.checkpoint(json(body, contentType), origin);
          case RUN_ENDED -> EventBodies.runEnded(json(body, contentType), origin);
          default -> batch(run, envelope, contentType, body, shard, origin);
        };
    if (!event.run().equals(run)) {
      throw RecordKeys.mismatch("the body's run is " + Checks.shown(event.run()), run);
    }
    return event;
  }

  /** The kind of a message that could perhaps not be decoded. */
  public static EventType typeOf(EventMessage message) {
    try {
      return EventType.ofName(Envelopes.read(message).getType());
    } catch (RejectedEventException e) {
      return EventType.ofName(message.header("ce_type").orElse(null));
    }
  }

  /** A message in binary mode. */
  public static EventMessage encode(TrainingEvent event) {
    return Envelopes.binary(RecordKeys.of(event), envelope(event));
  }

  /** A message in structured mode: readable, and a third longer for tensors. */
  public static EventMessage encodeStructured(TrainingEvent event) {
    return Envelopes.structured(RecordKeys.of(event), envelope(event));
  }

  /** An event in structured mode, as text. */
  public static String structuredText(TrainingEvent event) {
    byte[] value = encodeStructured(event).value();
    return new String(Objects.requireNonNull(value), StandardCharsets.UTF_8);
  }

  /** The message of an event that was written down with {@link #structuredText}. */
  public static EventMessage structured(String run, String text) {
    return new EventMessage(
        run.getBytes(StandardCharsets.UTF_8),
        text.getBytes(StandardCharsets.UTF_8),
        List.of(EventMessage.Header.of("content-type", "application/cloudevents+json")));
  }

  private static String subject(CloudEvent envelope) throws RejectedEventException {
    String run = envelope.getSubject();
    if (run == null) {
      throw undecodable("ce_subject is missing; it should be the run's name", null);
    }
    try {
      Checks.run(run);
    } catch (IllegalArgumentException e) {
      throw undecodable("ce_subject: " + e.getMessage(), e);
    }
    return run;
  }

  private static BatchEvent batch(
      String run,
      CloudEvent envelope,
      String contentType,
      byte[] body,
      Optional<Shard> shard,
      Origin origin)
      throws RejectedEventException {
    long step = Envelopes.step(envelope, Envelopes.STEP, "the optimizer step");
    if (!contentType.equals(SAFETENSORS)) {
      JsonFields fields = json(body, contentType);
      Optional<String> bodyRun = fields.optionalString("run");
      if (bodyRun.isPresent() && !bodyRun.get().equals(run)) {
        throw RecordKeys.mismatch("the body's run is " + Checks.shown(bodyRun.get()), run);
      }
      return new BatchEvent(
          run, step, Map.of(), Optional.of(EventBodies.file(fields)), shard, origin);
    }
    Map<String, HostTensor> tensors;
    try {
      tensors = SafetensorsReader.decode(body, "the body");
    } catch (SafetensorsException e) {
      throw undecodable(Objects.requireNonNull(e.getMessage()), e);
    }
    if (tensors.isEmpty()) {
      throw new RejectedEventException("empty-batch", "the body holds no tensor");
    }
    return new BatchEvent(run, step, tensors, Optional.empty(), shard, origin);
  }

  /** JSON is what a body without a content type is. */
  private static JsonFields json(byte[] body, String contentType) throws RejectedEventException {
    if (!contentType.isEmpty()
        && !contentType.equals("application/json")
        && !contentType.endsWith("+json")) {
      throw undecodable(
          "content-type is "
              + Checks.shown(contentType)
              + ", which should be application/json, or "
              + SAFETENSORS
              + " for a batch",
          null);
    }
    return JsonFields.parse(body);
  }

  private static CloudEvent envelope(TrainingEvent event) {
    if (event instanceof CheckpointEvent checkpoint) {
      return Envelopes.of(event, "application/json", EventBodies.json(checkpoint));
    }
    if (event instanceof BatchEvent batch) {
      return batch
          .file()
          .map(
              file ->
                  Envelopes.of(
                      event, "application/json", EventBodies.bytes(EventBodies.json(file))))
          .orElseGet(
              () -> Envelopes.of(event, SAFETENSORS, SafetensorsWriter.encode(batch.tensors())));
    }
    return Envelopes.of(event, "application/json", EventBodies.json((RunEndedEvent) event));
  }

  /** Without parameters, in lower case; empty if there is none. */
  static String mediaType(@Nullable String contentType) {
    if (contentType == null) {
      return "";
    }
    int parameters = contentType.indexOf(';');
    return (parameters < 0 ? contentType : contentType.substring(0, parameters))
        .strip()
        .toLowerCase(Locale.ROOT);
  }
}
