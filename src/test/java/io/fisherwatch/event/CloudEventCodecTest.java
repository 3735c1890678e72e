package io.fisherwatch.event;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.fisherwatch.event.EventMessage.Header;
import io.fisherwatch.safetensors.Dtype;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.SafetensorsWriter;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
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
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class CloudEventCodecTest {

  private static final String DIGEST = "0123456789abcdef".repeat(4);
  private static final Origin ORIGIN =
      new Origin("/trainer/7", "id-1", Optional.of(Instant.parse("2026-11-24T10:00:00.5Z")));
  private static final HostTensor LABELS =
      HostTensor.of(Dtype.U8, new long[] {2}, ByteBuffer.wrap(new byte[] {3, 1}));

  /** As the specification of the events shows it. */
  private static final String CHECKPOINT =
      """
      {"run": "agnews-17", "step": 1200,
       "graph":   {"uri": "file:///ckpt/agnews-17/graph.pt", "sha256": "DIGEST"},
       "weights": {"uri": "file:///ckpt/agnews-17/step-1200.safetensors", "sha256": "DIGEST"},
       "inputs":  ["input_ids", "attention_mask"],
       "logits":  {"index": 1},
       "likelihood": {"kind": "categorical", "mask": "attention_mask"},
       "layers":  [{"name": "embeddings", "match": "^distilbert\\\\.embeddings\\\\."}],
       "later": {"unknown": [1]}}
      """
          .replace("DIGEST", DIGEST);

  @Test
  void decode_checkpoint_readsEveryField() throws Exception {
    assertThat(CloudEventCodec.decode(checkpoint(CHECKPOINT)))
        .isEqualTo(
            new CheckpointEvent(
                "agnews-17",
                1200,
                new FileReference("file:///ckpt/agnews-17/graph.pt", Optional.of(DIGEST)),
                Optional.of(
                    new FileReference(
                        "file:///ckpt/agnews-17/step-1200.safetensors", Optional.of(DIGEST))),
                List.of("input_ids", "attention_mask"),
                new LogitsSelector(1, Optional.empty()),
                new LikelihoodSpec(
                    "categorical", OptionalDouble.empty(), Optional.of("attention_mask")),
                List.of(new LayerRule("embeddings", "^distilbert\\.embeddings\\.")),
                ORIGIN));
  }

  @Test
  void decode_smallestCheckpoint_takesTheDefaults() throws Exception {
    CheckpointEvent event =
        (CheckpointEvent)
            CloudEventCodec.decode(
                checkpoint(
                    "{\"run\":\"agnews-17\",\"step\":0,\"graph\":{\"uri\":\"file:///g\"},"
                        + "\"inputs\":[\"x\"],\"weights\":null}"));
    assertThat(event.weights()).isEmpty();
    assertThat(event.graph().sha256()).isEmpty();
    assertThat(event.logits()).isEqualTo(LogitsSelector.FIRST);
    assertThat(event.likelihood()).isEqualTo(LikelihoodSpec.CATEGORICAL);
    assertThat(event.layers()).isEmpty();
  }

  @Test
  void decode_digestInUpperCase_isLowered() throws Exception {
    CheckpointEvent event =
        (CheckpointEvent)
            CloudEventCodec.decode(
                checkpoint(CHECKPOINT.replace(DIGEST, DIGEST.replace('a', 'A'))));
    assertThat(event.graph().sha256()).hasValue(DIGEST);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"step\": 1200|\"step\": -1|step is -1",
        "\"step\": 1200|\"step\": 1.5|step is \"1.5\", which should be an integer",
        "\"step\": 1200|\"step\": \"7\"|which should be an integer",
        "\"step\": 1200|\"step\": 99999999999999999999|which should be an integer",
        "\"step\": 1200|\"step\": null|step is missing",
        "\"step\": 1200|\"step\": 1, \"step\": 2|Duplicate",
        "\"inputs\"|\"inputz\"|inputs is missing",
        "[\"input_ids\", \"attention_mask\"]|[]|inputs is \"[]\"",
        "[\"input_ids\", \"attention_mask\"]|[\"a\",\"a\"]|none twice",
        "[\"input_ids\", \"attention_mask\"]|[\"a\",7]|inputs[1] is \"7\"",
        "[\"input_ids\", \"attention_mask\"]|\"a\"|which should be an array of strings",
        "file:///ckpt/agnews-17/graph.pt|/ckpt/graph.pt|graph: uri is \"/ckpt/graph.pt\"",
        "file:///ckpt/agnews-17/graph.pt|file:///a b|which is not a URI",
        "\"uri\": \"file:///ckpt/agnews-17/graph.pt\"|\"uri\": 7|graph.uri is \"7\"",
        "0123456789abcdef\"|0123456789abcdeg\"|graph: sha256",
        "{\"index\": 1}|{\"index\": -1}|logits: index is -1",
        "{\"index\": 1}|{\"index\": 1, \"key\": \"k\"}|either index or key",
        "{\"index\": 1}|1|logits is \"1\", which should be an object",
        "\"kind\": \"categorical\"|\"kind\": \"poisson\"|likelihood: kind is \"poisson\"",
        "\"kind\": \"categorical\"|\"kind\": \"gaussian\"|needs sigma",
        "\"kind\": \"categorical\"|\"kind\": \"gaussian\", \"sigma\": 0|positive",
        "\"kind\": \"categorical\"|\"kind\": \"categorical\", \"sigma\": 1|has no sigma",
        "\"kind\": \"categorical\"|\"kind\": \"gaussian\", \"sigma\": \"1\"|likelihood.sigma is",
        "\"name\": \"embeddings\"|\"name\": \"_total\"|layers[0]: name is \"_total\"",
        "\"name\": \"embeddings\"|\"name\": \" \"|layers[0]: name",
        "^distilbert|(|which is not RE2",
        "^distilbert|(?=a)|which is not RE2",
        "\"run\": \"agnews-17\"|\"run\": 17|run is \"17\", which should be a string",
      })
  void decode_wrongField_saysWhichAndWhatWouldBeRight(String old, String now, String message) {
    assertThatThrownBy(() -> CloudEventCodec.decode(checkpoint(CHECKPOINT.replace(old, now))))
        .isInstanceOf(RejectedEventException.class)
        .hasMessageContaining(message)
        .satisfies(e -> assertThat(((RejectedEventException) e).code()).isEqualTo("undecodable"));
  }

  @Test
  void decode_tooManyRules_isRefused() {
    String rules = "{\"name\":\"a\",\"match\":\"b\"},".repeat(1001);
    assertRejected(
        checkpoint(CHECKPOINT.replace("\"layers\":  [", "\"layers\":  [" + rules)),
        "undecodable",
        "1000 are allowed");
  }

  @Test
  void decode_bodyOfManyTokens_isRefused() {
    assertRejected(
        checkpoint(CHECKPOINT.replace("[1]", "[" + "0,".repeat(200_000) + "0]")),
        "undecodable",
        "Token count");
  }

  @Test
  void decode_ruleTooLong_isRefused() {
    assertRejected(
        checkpoint(CHECKPOINT.replace("^distilbert", "a".repeat(501))),
        "undecodable",
        "1 to 500 are allowed");
  }

  @ParameterizedTest
  @ValueSource(strings = {"[1]", "", "nonsense", "{\"a\":1} {}", "\u0000\u0001", "7", "{"})
  void decode_bodyThatIsNoObject_isRefused(String body) {
    assertRejected(checkpoint(body), "undecodable", "body");
  }

  @ParameterizedTest
  @MethodSource("events")
  void decode_encodedEvent_isTheSame(TrainingEvent event) throws Exception {
    assertSame(CloudEventCodec.decode(CloudEventCodec.encode(event)), event);
  }

  @ParameterizedTest
  @MethodSource("events")
  void decode_structuredEvent_isTheSame(TrainingEvent event) throws Exception {
    EventMessage message = CloudEventCodec.encodeStructured(event);
    assertThat(message.headers()).hasSize(1);
    assertSame(CloudEventCodec.decode(message), event);
    assertThat(CloudEventCodec.typeOf(message)).isEqualTo(EventType.of(event));
  }

  static List<TrainingEvent> events() {
    Map<String, HostTensor> tensors = new LinkedHashMap<>();
    tensors.put("x", HostTensor.of(Dtype.I16, new long[] {2, 2}, ByteBuffer.allocate(8)));
    tensors.put("labels", LABELS);
    Origin untimed = new Origin("urn:a", "2", Optional.empty());
    FileReference file = new FileReference("file:///b.safetensors", Optional.of(DIGEST));
    return List.of(
        new BatchEvent("run.1", 3_000_000_000L, tensors, Optional.empty(), ORIGIN),
        new BatchEvent("run.1", 4, Map.of(), Optional.of(file), untimed),
        new RunEndedEvent("0", 9, true, ORIGIN),
        new RunEndedEvent("r".repeat(200), 0, false, untimed),
        new CheckpointEvent(
            "run_1",
            7,
            file,
            Optional.empty(),
            List.of("x"),
            new LogitsSelector(0, Optional.of("logits")),
            new LikelihoodSpec("gaussian", OptionalDouble.of(0.5), Optional.empty()),
            List.of(new LayerRule("a", "b")),
            untimed));
  }

  @Test
  void encode_batch_writesTheHeadersOfTheBinding() {
    EventMessage message =
        CloudEventCodec.encode(
            new BatchEvent("a", 5, Map.of("labels", LABELS), Optional.empty(), ORIGIN));
    assertThat(message.key()).isEqualTo(bytes("a"));
    assertThat(message.headers())
        .extracting(header -> header.name() + "=" + header.text().orElseThrow())
        .containsExactlyInAnyOrder(
            "ce_specversion=1.0",
            "ce_id=id-1",
            "ce_source=/trainer/7",
            "ce_type=io.fisherwatch.batch.v1",
            "ce_subject=a",
            "ce_time=2026-11-24T10:00:00.5Z",
            "ce_step=5",
            "content-type=application/vnd.safetensors");
  }

  @Test
  void decode_structuredByHand_readsBase64() throws Exception {
    String data =
        Base64.getEncoder().encodeToString(SafetensorsWriter.encode(Map.of("labels", LABELS)));
    String json =
        """
        {"specversion":"1.0","id":"1","source":"urn:a","type":"io.fisherwatch.batch.v1",
         "subject":"a","step":12,"datacontenttype":"application/vnd.safetensors",
         "traceparent":"00-x","data_base64":"%s"}
        """
            .formatted(data);
    BatchEvent event = (BatchEvent) CloudEventCodec.decode(structured("a", json));
    assertThat(event.step()).isEqualTo(12);
    assertThat(event.tensors()).containsOnlyKeys("labels");
  }

  @Test
  void decode_structuredJsonBatch_readsTheReference() throws Exception {
    String json =
        """
        {"specversion":"1.0","id":"1","source":"urn:a","type":"io.fisherwatch.batch.v1",
         "subject":"a","step":12,"data":{"uri":"file:///b"}}
        """;
    BatchEvent event = (BatchEvent) CloudEventCodec.decode(structured("a", json));
    assertThat(event.file()).hasValue(new FileReference("file:///b", Optional.empty()));
  }

  @Test
  void decode_batchByReference_mayNameItsRun() {
    EventMessage message =
        message("a", "batch", "application/json", bytes("{\"uri\":\"file:///b\",\"run\":\"b\"}"));
    assertRejected(message, "run-mismatch", "the body's run is \"b\"");
  }

  @ParameterizedTest
  @ValueSource(strings = {"-1", "1.0", "", "x", "9999999999999999999"})
  void decode_batchWithAWrongStep_isRefused(String step) {
    EventMessage message =
        message("a", "batch", "application/json", bytes("{\"uri\":\"file:///b\"}"));
    assertRejected(with(message, "ce_step", step), "undecodable", "ce_step is");
  }

  @Test
  void decode_batchWithoutStep_isRefused() {
    assertRejected(
        without(
            message("a", "batch", "application/json", bytes("{\"uri\":\"file:///b\"}")), "ce_step"),
        "undecodable",
        "ce_step is");
  }

  @Test
  void decode_brokenSafetensors_isRefused() {
    assertRejected(
        message("a", "batch", "application/vnd.safetensors", new byte[20]),
        "undecodable",
        "the body: its header");
  }

  @Test
  void decode_noTensor_isAnEmptyBatch() {
    assertRejected(
        message("a", "batch", "application/vnd.safetensors", SafetensorsWriter.encode(Map.of())),
        "empty-batch",
        "no tensor");
  }

  @Test
  void decode_safetensorsAsCheckpoint_isRefused() {
    assertRejected(
        with(checkpoint(CHECKPOINT), "content-type", "application/vnd.safetensors"),
        "undecodable",
        "content-type is");
  }

  @Test
  void decode_contentTypeWithParameters_isRead() throws Exception {
    assertThat(
            CloudEventCodec.decode(
                with(checkpoint(CHECKPOINT), "content-type", "Application/JSON; charset=utf-8")))
        .isInstanceOf(CheckpointEvent.class);
  }

  @Test
  void decode_keyOfAnotherRun_isAMismatch() {
    EventMessage message = checkpoint(CHECKPOINT);
    assertRejected(
        new EventMessage(bytes("other"), message.value(), message.headers()),
        "run-mismatch",
        "key is \"other\"");
  }

  @Test
  void decode_noKey_isAMismatch() {
    EventMessage message = checkpoint(CHECKPOINT);
    assertRejected(
        new EventMessage(null, message.value(), message.headers()), "run-mismatch", "no key");
  }

  @Test
  void decode_bodyOfAnotherRun_isAMismatch() {
    assertRejected(
        checkpoint(CHECKPOINT.replace("\"run\": \"agnews-17\"", "\"run\": \"agnews-18\"")),
        "run-mismatch",
        "body's run is \"agnews-18\"");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "-a", ".a", "a b", "ä", "a/b", "a\n"})
  void decode_wrongRunName_isRefused(String run) {
    assertRejected(
        message(run, "run-ended", "application/json", bytes("{}")), "undecodable", "ce_subject");
  }

  @Test
  void decode_runNameTooLong_isRefused() {
    assertRejected(
        message("a".repeat(201), "run-ended", "application/json", bytes("{}")),
        "undecodable",
        "ce_subject");
  }

  @ParameterizedTest
  @ValueSource(strings = {"ce_id", "ce_source", "ce_type", "ce_subject", "ce_specversion"})
  void decode_missingAttribute_isRefused(String header) {
    assertRejected(
        without(checkpoint(CHECKPOINT), header), "undecodable", header.substring("ce_".length()));
  }

  @ParameterizedTest
  @CsvSource({
    "ce_specversion,0.3",
    "ce_time,yesterday",
    "ce_source,a b",
    "ce_id,''",
    "content-type,application/cloudevents-batch+json",
    "content-type,application/cloudevents+json"
  })
  void decode_wrongAttribute_isRefused(String header, String value) {
    assertRejected(with(checkpoint(CHECKPOINT), header, value), "undecodable", "");
  }

  @Test
  void decode_unknownType_hasItsOwnCode() {
    EventMessage message = with(checkpoint(CHECKPOINT), "ce_type", "io.fisherwatch.batch.v2");
    assertRejected(message, "unknown-type", "io.fisherwatch.batch.v2");
    assertThat(CloudEventCodec.typeOf(message)).isEqualTo(EventType.OTHER);
  }

  @Test
  void decode_foreignHeaders_areIgnored() throws Exception {
    EventMessage message = checkpoint(CHECKPOINT);
    List<Header> headers = new ArrayList<>(message.headers());
    headers.add(new Header("x", null));
    headers.add(Header.of("ce_Trace-Parent", "00"));
    assertThat(CloudEventCodec.decode(new EventMessage(message.key(), message.value(), headers)))
        .isInstanceOf(CheckpointEvent.class);
  }

  @Test
  void decode_nothing_isRefused() {
    assertRejected(new EventMessage(null, null, List.of()), "undecodable", "no value");
  }

  @ParameterizedTest
  @CsvSource({"completed,true", "failed,false"})
  void decode_runEnded_tellsWhetherItCompleted(String status, boolean completed) throws Exception {
    String body = "{\"run\":\"a\",\"step\":3,\"status\":\"" + status + "\"}";
    assertThat(CloudEventCodec.decode(message("a", "run-ended", "application/json", bytes(body))))
        .isEqualTo(new RunEndedEvent("a", 3, completed, ORIGIN));
  }

  @Test
  void decode_runEndedWithAnotherStatus_isRefused() {
    assertRejected(
        message(
            "a",
            "run-ended",
            "application/json",
            bytes("{\"run\":\"a\",\"step\":3,\"status\":\"ok\"}")),
        "undecodable",
        "completed or failed");
  }

  private static EventMessage shardBatch(String key) {
    EventMessage batch =
        with(
            message("a", "batch", "application/json", bytes("{\"uri\":\"file:///b\"}")),
            "ce_checkpointstep",
            "4");
    return new EventMessage(bytes(key), batch.value(), batch.headers());
  }

  @Test
  void decodeSharded_encodedBatch_isTheSameInEitherMode() throws Exception {
    BatchEvent event = ((BatchEvent) events().get(0)).in(new Shard("rank-0.x_Y", 3_000_000_000L));
    assertThat(CloudEventCodec.encode(event).key()).isEqualTo(bytes("run.1/rank-0.x_Y"));
    assertSame(CloudEventCodec.decodeSharded(CloudEventCodec.encode(event)), event);
    assertSame(CloudEventCodec.decodeSharded(CloudEventCodec.encodeStructured(event)), event);
  }

  @Test
  void decodeSharded_checkpointsAndEnds_areKeyedByTheRun() throws Exception {
    assertThat(CloudEventCodec.decodeSharded(checkpoint(CHECKPOINT)))
        .isInstanceOf(CheckpointEvent.class);
    EventMessage end = CloudEventCodec.encode(new RunEndedEvent("a", 9, true, ORIGIN));
    assertThat(CloudEventCodec.decodeSharded(end)).isInstanceOf(RunEndedEvent.class);
    EventMessage elsewhere = new EventMessage(bytes("a/0"), end.value(), end.headers());
    assertRejected(CloudEventCodec::decodeSharded, elsewhere, "run-mismatch", "\"a/0\"");
  }

  @Test
  void decode_keyOfAShard_isAMismatchOutsideTheMode() {
    assertRejected(shardBatch("a/0"), "run-mismatch", "key is \"a/0\"");
  }

  @ParameterizedTest
  @CsvSource({
    "a,run-mismatch,without a slash",
    "b/0,run-mismatch,without a slash",
    "a/,undecodable,shard is",
    "a/b/c,undecodable,shard is",
    "a/ä,undecodable,shard is"
  })
  void decodeSharded_wrongKey_isRefused(String key, String code, String text) {
    assertRejected(CloudEventCodec::decodeSharded, shardBatch(key), code, text);
  }

  @Test
  void decodeSharded_shardTooLong_isRefused() throws Exception {
    String longest = "s".repeat(100);
    assertThat(((BatchEvent) CloudEventCodec.decodeSharded(shardBatch("a/" + longest))).shard())
        .hasValue(new Shard(longest, 4));
    assertRejected(
        CloudEventCodec::decodeSharded, shardBatch("a/s" + longest), "undecodable", "shard is");
  }

  @ParameterizedTest
  @ValueSource(strings = {"-1", "1.0", "", "x", "9999999999999999999"})
  void decodeSharded_wrongCheckpointStep_isRefused(String step) {
    EventMessage message = with(shardBatch("a/0"), "ce_checkpointstep", step);
    assertRejected(CloudEventCodec::decodeSharded, message, "undecodable", "ce_checkpointstep is");
  }

  @Test
  void decodeSharded_noCheckpointStep_isRefused() {
    EventMessage message = without(shardBatch("a/0"), "ce_checkpointstep");
    assertRejected(CloudEventCodec::decodeSharded, message, "undecodable", "ce_checkpointstep is");
  }

  @Test
  void typeOf_undecodableBatch_isStillABatch() {
    EventMessage message =
        without(message("a", "batch", "application/vnd.safetensors", new byte[20]), "ce_id");
    assertThat(CloudEventCodec.typeOf(message)).isEqualTo(EventType.BATCH);
  }

  private static void assertSame(TrainingEvent actual, TrainingEvent expected) {
    if (expected instanceof BatchEvent batch) { // tensors are compared by their bytes
      BatchEvent back = (BatchEvent) actual;
      assertThat(back.tensors().keySet()).containsExactlyElementsOf(batch.tensors().keySet());
      batch
          .tensors()
          .forEach(
              (name, tensor) -> {
                HostTensor other = back.tensors().get(name);
                assertThat(other).hasToString(tensor.toString());
                assertThat(other == null ? null : other.data()).isEqualTo(tensor.data());
              });
      assertThat(back)
          .isEqualTo(
              new BatchEvent(
                  batch.run(),
                  batch.step(),
                  back.tensors(),
                  batch.file(),
                  batch.shard(),
                  batch.origin()));
    } else {
      assertThat(actual).isEqualTo(expected);
    }
  }

  private static void assertRejected(EventMessage message, String code, String text) {
    assertRejected(CloudEventCodec::decode, message, code, text);
  }

  private static void assertRejected(
      EventDecoder decoder, EventMessage message, String code, String text) {
    RejectedEventException e =
        catchThrowableOfType(RejectedEventException.class, () -> decoder.decode(message));
    assertThat(e).isNotNull().hasMessageContaining(text);
    assertThat(e.code()).isEqualTo(code);
    assertThat(e.getMessage()).doesNotContain("\n");
  }

  private static EventMessage checkpoint(String body) {
    return message("agnews-17", "checkpoint", "application/json", bytes(body));
  }

  private static EventMessage message(String run, String type, String contentType, byte[] body) {
    return new EventMessage(
        bytes(run),
        body,
        List.of(
            Header.of("ce_specversion", "1.0"),
            Header.of("ce_id", "id-1"),
            Header.of("ce_source", "/trainer/7"),
            Header.of("ce_type", "io.fisherwatch." + type + ".v1"),
            Header.of("ce_subject", run),
            Header.of("ce_time", "2026-11-24T11:00:00.5+01:00"),
            Header.of("ce_step", "5"),
            Header.of("content-type", contentType)));
  }

  private static EventMessage structured(String key, String json) {
    return new EventMessage(
        bytes(key),
        bytes(json),
        List.of(Header.of("content-type", "application/cloudevents+json")));
  }

  private static EventMessage with(EventMessage message, String name, String value) {
    List<Header> headers = new ArrayList<>(message.headers());
    headers.add(Header.of(name, value));
    return new EventMessage(message.key(), message.value(), headers);
  }

  private static EventMessage without(EventMessage message, String name) {
    return new EventMessage(
        message.key(),
        message.value(),
        message.headers().stream().filter(header -> !header.name().equals(name)).toList());
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
