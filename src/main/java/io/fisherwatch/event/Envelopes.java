package io.fisherwatch.event;

import static io.fisherwatch.event.JsonFields.undecodable;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.cloudevents.CloudEvent;
import io.cloudevents.SpecVersion;
import io.cloudevents.core.CloudEventUtils;
import io.cloudevents.core.builder.CloudEventBuilder;
import io.cloudevents.core.data.BytesCloudEventData;
import io.cloudevents.jackson.JsonFormat;
import io.cloudevents.jackson.JsonFormatOptions;
import io.cloudevents.rw.CloudEventContextWriter;
import io.cloudevents.rw.CloudEventRWException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** CloudEvents in messages: attributes as headers and data as value, or all of it as JSON. */
final class Envelopes {

  private static final String CONTENT_TYPE = "content-type";
  private static final String DATA_CONTENT_TYPE = "datacontenttype";
  private static final String STRUCTURED = JsonFormat.CONTENT_TYPE;
  private static final String ANY_STRUCTURED = "application/cloudevents";
  private static final String PREFIX = "ce_";
  private static final Pattern STEP_TEXT = Pattern.compile("[0-9]{1,18}");
  static final String STEP = "step";
  static final String CHECKPOINT_STEP = "checkpointstep";

  /** The attributes that are read; others are the sender's own. */
  private static final Set<String> ATTRIBUTES =
      Set.of("id", "source", "type", "subject", "time", STEP, CHECKPOINT_STEP);

  /** The format of the library, on a mapper of our limits. */
  private static final JsonMapper FORMAT =
      JsonFields.MAPPER
          .rebuild()
          .addModule(
              JsonFormat.getCloudEventJacksonModule(
                  JsonFormatOptions.builder()
                      .forceIgnoreInvalidExtensionNameDeserialization(true)
                      .build()))
          .build();

  private Envelopes() {}

  static CloudEvent read(EventMessage message) throws RejectedEventException {
    byte[] value = message.value();
    if (value == null) {
      throw undecodable("the record has no value", null);
    }
    String contentType = CloudEventCodec.mediaType(message.header(CONTENT_TYPE).orElse(null));
    if (contentType.startsWith(ANY_STRUCTURED) && !contentType.equals(STRUCTURED)) {
      throw undecodable(
          CONTENT_TYPE + " is " + Checks.shown(contentType) + "; of these only " + STRUCTURED,
          null);
    }
    CloudEvent event;
    try {
      event =
          contentType.equals(STRUCTURED)
              ? FORMAT.readValue(value, CloudEvent.class)
              : readHeaders(message, value);
    } catch (JsonProcessingException e) {
      throw undecodable("the value is not a CloudEvent in JSON: " + e.getOriginalMessage(), e);
    } catch (IOException | CloudEventRWException | IllegalStateException e) {
      throw undecodable("the record is not a CloudEvent: " + e.getMessage(), e);
    }
    if (event == null || event.getSpecVersion() != SpecVersion.V1) {
      throw undecodable("the record is not a CloudEvent of version 1.0", null);
    }
    if (event.getId().isBlank() || event.getSource().toString().isBlank()) {
      throw undecodable("ce_id and ce_source should not be blank", null);
    }
    return event;
  }

  static CloudEvent of(TrainingEvent event, String contentType, byte[] data) {
    CloudEventBuilder builder =
        CloudEventBuilder.v1()
            .withId(event.origin().id())
            .withSource(URI.create(event.origin().source()))
            .withType(EventType.of(event).cloudEventsType())
            .withSubject(event.run())
            .withData(contentType, data);
    event.origin().time().ifPresent(time -> builder.withTime(time.atOffset(ZoneOffset.UTC)));
    if (event instanceof BatchEvent batch) {
      builder.withExtension(STEP, Long.toString(event.step()));
      batch
          .shard()
          .ifPresent(
              shard ->
                  builder.withExtension(CHECKPOINT_STEP, Long.toString(shard.checkpointStep())));
    }
    return builder.build();
  }

  static EventMessage binary(byte[] key, CloudEvent event) {
    List<EventMessage.Header> headers = new ArrayList<>();
    headers.add(EventMessage.Header.of(PREFIX + "specversion", SpecVersion.V1.toString()));
    CloudEventUtils.toContextReader(event).readContext(new HeaderWriter(headers));
    return new EventMessage(key, data(event), headers);
  }

  static EventMessage structured(byte[] key, CloudEvent event) {
    try {
      return new EventMessage(
          key,
          FORMAT.writeValueAsBytes(event),
          List.of(EventMessage.Header.of(CONTENT_TYPE, STRUCTURED + "; charset=UTF-8")));
    } catch (IOException e) {
      throw new UncheckedIOException("writing to memory", e);
    }
  }

  /**
   * The step in an extension attribute.
   *
   * @param meaning of which it is the step, in words
   */
  static long step(CloudEvent event, String extension, String meaning)
      throws RejectedEventException {
    String step = Objects.toString(event.getExtension(extension), "");
    if (!STEP_TEXT.matcher(step).matches()) {
      throw undecodable(
          "%s%s is %s, which should be %s, 0 or more"
              .formatted(PREFIX, extension, Checks.shown(step), meaning),
          null);
    }
    return Long.parseLong(step);
  }

  private static CloudEvent readHeaders(EventMessage message, byte[] value)
      throws RejectedEventException {
    String version = message.header(PREFIX + "specversion").orElse("missing");
    if (!version.equals(SpecVersion.V1.toString())) {
      throw undecodable("ce_specversion is " + Checks.shown(version) + ", not \"1.0\"", null);
    }
    CloudEventBuilder builder = CloudEventBuilder.v1();
    message
        .header(CONTENT_TYPE)
        .ifPresent(text -> builder.withContextAttribute(DATA_CONTENT_TYPE, text));
    for (String attribute : ATTRIBUTES) {
      message
          .header(PREFIX + attribute)
          .ifPresent(text -> builder.withContextAttribute(attribute, text));
    }
    return builder.end(BytesCloudEventData.wrap(value));
  }

  private static byte @Nullable [] data(CloudEvent event) {
    return event.getData() == null ? null : event.getData().toBytes();
  }

  /** Writes attributes as the headers that the Kafka binding calls for. */
  private record HeaderWriter(List<EventMessage.Header> headers)
      implements CloudEventContextWriter {

    @Override
    public CloudEventContextWriter withContextAttribute(String name, String value) {
      headers.add(
          EventMessage.Header.of(
              name.equals(DATA_CONTENT_TYPE) ? CONTENT_TYPE : PREFIX + name, value));
      return this;
    }
  }
}
