package io.fisherwatch.kafka;

import static org.assertj.core.api.Assertions.assertThat;

import io.cloudevents.CloudEvent;
import io.cloudevents.core.builder.CloudEventBuilder;
import io.cloudevents.core.message.Encoding;
import io.cloudevents.jackson.JsonFormat;
import io.cloudevents.kafka.CloudEventDeserializer;
import io.cloudevents.kafka.CloudEventSerializer;
import io.fisherwatch.event.CloudEventCodec;
import io.fisherwatch.event.EventMessage;
import io.fisherwatch.event.RunEndedEvent;
import io.fisherwatch.event.TrainingEvent;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Our records and those of the CloudEvents project's own serializers are the same thing. */
class CloudEventsInteropTest {

  @Test
  void encode_batch_isReadByTheProjectsDeserializer() {
    TrainingEvent batch = Fixture.batch("a", 5);
    ProducerRecord<byte[], byte[]> record = Messages.record("t", CloudEventCodec.encode(batch));
    try (CloudEventDeserializer deserializer = new CloudEventDeserializer()) {
      CloudEvent event = deserializer.deserialize("t", record.headers(), record.value());
      assertThat(event.getType()).isEqualTo("io.fisherwatch.batch.v1");
      assertThat(event.getSubject()).isEqualTo("a");
      assertThat(event.getExtension("step")).isEqualTo("5");
      assertThat(event.getDataContentType()).isEqualTo("application/vnd.safetensors");
      assertThat(Objects.requireNonNull(event.getData()).toBytes()).isEqualTo(record.value());
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Encoding.class,
      names = {"BINARY", "STRUCTURED"})
  void decode_eventOfTheProjectsSerializer_isRead(Encoding encoding) throws Exception {
    CloudEvent event =
        CloudEventBuilder.v1()
            .withId("1")
            .withSource(URI.create("urn:test"))
            .withType("io.fisherwatch.run-ended.v1")
            .withSubject("a")
            .withExtension("traceparent", "00-1")
            .withData(
                "application/json",
                "{\"run\":\"a\",\"step\":3,\"status\":\"failed\"}".getBytes(StandardCharsets.UTF_8))
            .build();
    RecordHeaders headers = new RecordHeaders();
    byte[] value;
    try (CloudEventSerializer serializer = new CloudEventSerializer()) {
      serializer.configure(
          Map.of(
              CloudEventSerializer.ENCODING_CONFIG,
              encoding,
              CloudEventSerializer.EVENT_FORMAT_CONFIG,
              JsonFormat.CONTENT_TYPE),
          false);
      value = serializer.serialize("t", headers, event);
    }
    List<EventMessage.Header> ours = new ArrayList<>();
    headers.forEach(header -> ours.add(new EventMessage.Header(header.key(), header.value())));
    assertThat(
            CloudEventCodec.decode(
                new EventMessage("a".getBytes(StandardCharsets.UTF_8), value, ours)))
        .isEqualTo(new RunEndedEvent("a", 3, false, Fixture.origin("1")));
  }
}
