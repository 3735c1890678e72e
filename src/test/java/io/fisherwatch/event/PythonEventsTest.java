package io.fisherwatch.event;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fisherwatch.safetensors.Dtype;
import io.fisherwatch.safetensors.HostTensor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Example events of the Python client decode here; ours, kept beside them, decode in its tests
 * (src/main/python/tests/test_example_events.py).
 */
class PythonEventsTest {

  private static final Path EXAMPLES = Path.of("src/test/resources/events");
  private static final Path TODAY = Path.of("target/events/java");
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String RUN = "agnews-17";
  private static final Optional<String> DIGEST = Optional.of("0123456789abcdef".repeat(4));
  private static final Instant TIME = Instant.parse("2026-11-25T10:00:00.5Z");
  private static final Origin PYTHON =
      new Origin(
          "urn:fisherwatch:python:trainer:7",
          "00000000-0000-0000-0000-000000000007",
          Optional.of(TIME));
  private static final Origin JAVA = new Origin("/trainer/7", "id-7", Optional.of(TIME));

  @ParameterizedTest
  @MethodSource("names")
  void decode_exampleOfPython_isTheEventThatIsMeant(String name) throws Exception {
    JsonNode record = JSON.readTree(EXAMPLES.resolve("python/" + name + ".json").toFile());
    List<EventMessage.Header> headers = new ArrayList<>();
    record
        .get("headers")
        .properties()
        .forEach(
            header ->
                headers.add(EventMessage.Header.of(header.getKey(), header.getValue().asText())));
    EventMessage message =
        new EventMessage(
            record.get("key").asText().getBytes(StandardCharsets.UTF_8),
            Base64.getDecoder().decode(record.get("value").asText()),
            headers);
    // as text, since tensors have no equality of their own
    EventDecoder decoder =
        name.startsWith("shard-") ? CloudEventCodec::decodeSharded : CloudEventCodec::decode;
    assertThat(CloudEventCodec.structuredText(decoder.decode(message)))
        .isEqualTo(CloudEventCodec.structuredText(events(PYTHON).get(name)));
  }

  /** After a change on purpose: copy from target/events/java, and look at the difference. */
  @ParameterizedTest
  @MethodSource("names")
  void encode_event_isTheExampleOfJava(String name) throws IOException {
    EventMessage message = CloudEventCodec.encode(events(JAVA).get(name));
    ObjectNode record = JSON.createObjectNode();
    record.put("key", new String(message.key(), StandardCharsets.UTF_8));
    ObjectNode headers = record.putObject("headers");
    message.headers().forEach(header -> headers.put(header.name(), header.text().orElseThrow()));
    record.put("value", Base64.getEncoder().encodeToString(message.value()));
    Files.createDirectories(TODAY);
    Files.writeString(
        TODAY.resolve(name + ".json"),
        JSON.writerWithDefaultPrettyPrinter().writeValueAsString(record) + "\n");
    assertThat(record)
        .isEqualTo(JSON.readTree(EXAMPLES.resolve("java/" + name + ".json").toFile()));
  }

  @Test
  void names_areAllExamples() throws IOException {
    try (var files = Files.list(EXAMPLES.resolve("python"))) {
      assertThat(files.map(file -> file.getFileName().toString().replace(".json", "")))
          .containsExactlyInAnyOrderElementsOf(names());
    }
  }

  static List<String> names() {
    return List.copyOf(events(JAVA).keySet());
  }

  private static Map<String, TrainingEvent> events(Origin origin) {
    Map<String, TrainingEvent> events = new LinkedHashMap<>();
    events.put(
        "checkpoint",
        new CheckpointEvent(
            RUN,
            1200,
            new FileReference("file:///ckpt/agnews-17/graph-0123456789ab.pt", DIGEST),
            Optional.of(new FileReference("file:///ckpt/agnews-17/step-1200.safetensors", DIGEST)),
            List.of("input_ids", "attention_mask"),
            LogitsSelector.FIRST,
            new LikelihoodSpec(
                "categorical", OptionalDouble.empty(), Optional.of("attention_mask")),
            List.of(new LayerRule("embeddings", "^distilbert\\.embeddings\\.")),
            origin));
    BatchEvent batch = new BatchEvent(RUN, 1210, tensors(), Optional.empty(), origin);
    BatchEvent file =
        new BatchEvent(
            RUN,
            1220,
            Map.of(),
            Optional.of(new FileReference("file:///ckpt/batch-1220-7.safetensors", DIGEST)),
            origin);
    events.put("batch", batch);
    events.put("batch-file", file);
    events.put("shard-batch", batch.in(new Shard("rank-1", 1200)));
    events.put("shard-batch-file", file.in(new Shard("rank-1", 1200)));
    events.put("run-ended", new RunEndedEvent(RUN, 1300, true, origin));
    return events;
  }

  private static Map<String, HostTensor> tensors() {
    ByteBuffer features = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN);
    features.putFloat(0.5f).putFloat(-1).putFloat(2).putFloat(3).flip();
    ByteBuffer labels = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN);
    labels.putLong(1).putLong(0).flip();
    Map<String, HostTensor> tensors = new LinkedHashMap<>();
    tensors.put("labels", HostTensor.of(Dtype.I64, new long[] {2}, labels));
    tensors.put("features", HostTensor.of(Dtype.F32, new long[] {2, 2}, features));
    return tensors;
  }
}
