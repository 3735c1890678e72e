package io.fisherwatch.agent;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fisherwatch.demo.EmbeddedBroker;
import io.fisherwatch.event.BatchEvent;
import io.fisherwatch.event.CheckpointEvent;
import io.fisherwatch.event.FileReference;
import io.fisherwatch.event.LikelihoodSpec;
import io.fisherwatch.event.LogitsSelector;
import io.fisherwatch.event.Origin;
import io.fisherwatch.event.RunEndedEvent;
import io.fisherwatch.event.TrainingEvent;
import io.fisherwatch.kafka.KafkaEventSink;
import io.fisherwatch.kafka.KafkaSettings;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.SafetensorsReader;
import io.fisherwatch.web.WebSettings;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The agent on a real broker: what goes in as events comes out over HTTP. */
class AgentIT {

  private static final Path MODELS = Path.of("src/test/resources/models");

  @TempDir private Path folder;
  private EmbeddedBroker broker;
  private KafkaSettings kafka;
  private KafkaEventSink sink;
  private Agent agent;
  private Thread running;
  private int sent;

  @BeforeEach
  void start() throws Exception {
    broker = EmbeddedBroker.start(0, folder);
    kafka =
        new KafkaSettings(
            broker.bootstrapServers(), "events", "events.dlq", "fisherwatch", Map.of());
    sink = new KafkaEventSink(kafka);
    startAgent();
  }

  private void startAgent() throws Exception {
    startAgent(ConfigLoader.defaults().estimate());
  }

  private void startAgent(AgentConfig.EstimateConfig estimate) throws Exception {
    AgentConfig defaults = ConfigLoader.defaults();
    agent =
        Agent.start(
            new AgentConfig(
                kafka,
                defaults
                    .files()
                    .with(List.of(MODELS.toAbsolutePath(), folder.toRealPath()), "0".repeat(64)),
                "cpu",
                0,
                estimate,
                new WebSettings("127.0.0.1", 0),
                100,
                Duration.ofHours(1),
                20_000,
                4,
                new AgentConfig.StateConfig(
                    Optional.of(folder.resolve("state")), Duration.ofMillis(100)),
                defaults.logging(),
                defaults.shutdownTimeout()));
    running = new Thread(agent::run, "agent");
    running.start();
  }

  private void stopAgent() throws Exception {
    long start = System.nanoTime();
    agent.stop();
    running.join();
    assertThat((System.nanoTime() - start) / 1e9).as("seconds to stop").isLessThan(10);
    agent.close();
  }

  @AfterEach
  void stop() throws Exception {
    stopAgent();
    sink.close();
    broker.close();
  }

  private Origin origin() {
    return new Origin("urn:test", Integer.toString(sent), Optional.empty());
  }

  private void publish(TrainingEvent event) {
    sent++;
    sink.publish(event).join();
  }

  private static FileReference file(String path) throws Exception {
    Path file = MODELS.resolve(path).toAbsolutePath();
    return new FileReference(file.toUri().toString(), Optional.of(SafetensorsReader.sha256(file)));
  }

  private CheckpointEvent checkpoint(String run, long step, FileReference weights)
      throws Exception {
    return new CheckpointEvent(
        run,
        step,
        file("mlp/graph.pt"),
        Optional.of(weights),
        List.of("x"),
        LogitsSelector.FIRST,
        LikelihoodSpec.CATEGORICAL,
        List.of(),
        origin());
  }

  private BatchEvent batch(String run, long step) throws Exception {
    Map<String, HostTensor> tensors =
        SafetensorsReader.decode(
            Files.readAllBytes(MODELS.resolve("mlp/batch.safetensors")), "batch");
    return new BatchEvent(run, step, tensors, Optional.empty(), origin());
  }

  private void awaitEvents(long ended) throws Exception {
    for (int i = 0; i < 600 && agent.eventsEnded() < ended; i++) {
      Thread.sleep(50);
    }
    assertThat(agent.eventsEnded()).isEqualTo(ended);
  }

  /** The source looks whether the broker answers twice a second. */
  private void awaitReady() throws Exception {
    for (int i = 0; i < 100 && get("/readyz").statusCode() != 200; i++) {
      Thread.sleep(50);
    }
    assertThat(get("/readyz").statusCode()).isEqualTo(200);
  }

  private HttpResponse<byte[]> get(String path) throws Exception {
    URI uri = URI.create("http://127.0.0.1:" + agent.port() + path);
    return HttpClient.newHttpClient()
        .send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofByteArray());
  }

  private JsonNode run(String name) throws Exception {
    return new ObjectMapper().readTree(get("/api/runs/" + name).body());
  }

  private List<String> deadLetterCodes(int count) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", broker.bootstrapServers());
    properties.put("group.id", "reader");
    properties.put("auto.offset.reset", "earliest");
    List<String> codes = new ArrayList<>();
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      consumer.subscribe(List.of("events.dlq"));
      for (int i = 0; i < 100 && codes.size() < count; i++) {
        for (ConsumerRecord<byte[], byte[]> letter : consumer.poll(Duration.ofMillis(200))) {
          codes.add(
              new String(
                  letter.headers().lastHeader("fisherwatch.error.code").value(),
                  java.nio.charset.StandardCharsets.UTF_8));
        }
      }
    }
    return codes;
  }

  @Test
  void events_ofTwoRuns_becomeFigures() throws Exception {
    FileReference weights = file("mlp/weights.safetensors");
    publish(checkpoint("a", 0, weights));
    publish(checkpoint("b", 0, weights));
    for (int step = 0; step < 3; step++) {
      publish(batch("a", step));
    }
    publish(batch("b", 0));
    sent--; // the same source and id once more
    publish(batch("b", 0));
    awaitEvents(7);
    JsonNode a = run("a");
    double exact =
        new ObjectMapper()
            .readTree(MODELS.resolve("mlp/expected.json").toFile())
            .get("layers")
            .get(0)
            .get("trace")
            .get("lower")
            .asDouble();
    JsonNode lower = a.get("layers").get(0).get("trace").get("lower");
    assertThat(lower.get("value").asDouble())
        .isCloseTo(exact, org.assertj.core.api.Assertions.within(1e-5 * exact));
    assertThat(a.get("examples").asLong()).isEqualTo(3 * run("b").get("examples").asLong());
    String metrics = new String(get("/metrics").body(), java.nio.charset.StandardCharsets.UTF_8);
    assertThat(metrics)
        .contains("fisher_trace{estimate=\"fisher\",layer=\"_total\",run=\"a\"}")
        .contains("fisherwatch_events_total{outcome=\"skipped\",type=\"batch\"} 1.0")
        .contains("fisherwatch_events_total{outcome=\"processed\",type=\"batch\"} 4.0");
    awaitReady();
    assertThat(
            SafetensorsReader.decode(get("/api/runs/a/diagonal.safetensors").body(), "the answer"))
        .isNotEmpty();
  }

  @Test
  void events_bad_areDeadLetteredAndTheStreamGoesOn() throws Exception {
    FileReference weights = file("mlp/weights.safetensors");
    publish(batch("a", 0));
    publish(checkpoint("a", 0, new FileReference(weights.uri(), Optional.of("0".repeat(64)))));
    publish(batch("a", 0));
    publish(checkpoint("a", 1, new FileReference("file:///etc/passwd", Optional.empty())));
    publish(checkpoint("a", 2, file("conv-batchnorm/weights.safetensors")));
    publish(checkpoint("a", 3, weights));
    publish(
        new BatchEvent(
            "a",
            3,
            SafetensorsReader.decode(
                Files.readAllBytes(MODELS.resolve("tokens/batch.safetensors")), "batch"),
            Optional.empty(),
            origin()));
    publish(batch("a", 3));
    awaitEvents(8);
    assertThat(deadLetterCodes(6))
        .containsExactly(
            "no-checkpoint",
            "digest-mismatch",
            "checkpoint-unavailable",
            "file-outside-roots",
            "bad-weights",
            "missing-input");
    assertThat(run("a").get("step").asLong()).isEqualTo(3);
  }

  @Test
  void attempts_lowerStepOrEnd_beginAnew() throws Exception {
    FileReference weights = file("mlp/weights.safetensors");
    publish(checkpoint("a", 5, weights));
    publish(batch("a", 5));
    publish(checkpoint("a", 2, weights));
    publish(batch("a", 2));
    awaitEvents(4);
    assertThat(run("a").get("attempt").asInt()).isEqualTo(2);
    publish(new RunEndedEvent("a", 9, true, origin()));
    awaitEvents(5);
    assertThat(run("a").get("ended").asBoolean()).isTrue();
    assertThat(get("/api/runs/a/diagonal.safetensors").statusCode()).isEqualTo(200);
    publish(checkpoint("a", 10, weights));
    publish(batch("a", 10));
    awaitEvents(7);
    assertThat(run("a").get("attempt").asInt()).isEqualTo(3);
    assertThat(run("a").get("ended").asBoolean()).isFalse();
  }

  @Test
  void restart_sameGroup_goesOnWithoutRepeating() throws Exception {
    publish(checkpoint("a", 0, file("mlp/weights.safetensors")));
    publish(batch("a", 0));
    awaitEvents(2);
    stopAgent();
    startAgent();
    publish(checkpoint("a", 1, file("mlp/weights.safetensors")));
    publish(batch("a", 1));
    awaitEvents(2);
    JsonNode a = run("a");
    assertThat(a.get("step").asLong()).isEqualTo(1);
    assertThat(a.get("examples").asLong()).as("both batches").isEqualTo(24);
    JsonNode history = new ObjectMapper().readTree(get("/api/runs/a/history").body());
    assertThat(history.get("points")).hasSize(2);
    String metrics = new String(get("/metrics").body(), java.nio.charset.StandardCharsets.UTF_8);
    assertThat(metrics)
        .contains("fisherwatch_events_total{outcome=\"processed\",type=\"batch\"} 2.0")
        .contains(
            "fisherwatch_partition_owned{partition=\"0\",topic=\"" + kafka.topic() + "\"} 1.0");
    assertThat(a.get("durableStep").asLong()).as("of the older of two snapshots").isBetween(0L, 1L);
  }

  @Test
  void restart_checkpointGone_refusesItsBatchesUntilTheNext() throws Exception {
    Path weights = folder.resolve("gone.safetensors");
    Files.copy(MODELS.resolve("mlp/weights.safetensors"), weights);
    FileReference reference = new FileReference(weights.toUri().toString(), Optional.empty());
    publish(checkpoint("a", 0, reference));
    publish(batch("a", 0));
    awaitEvents(2);
    stopAgent();
    Files.delete(weights);
    startAgent();
    publish(batch("a", 1));
    publish(checkpoint("a", 2, file("mlp/weights.safetensors")));
    publish(batch("a", 2));
    awaitEvents(3);
    assertThat(deadLetterCodes(1)).containsExactly("checkpoint-unavailable");
    assertThat(run("a").get("examples").asLong()).as("what came before is kept").isEqualTo(24);
  }

  @Test
  void latest_batchBehindWhichACheckpointWaits_isSkipped() throws Exception {
    stopAgent();
    FileReference weights = file("mlp/weights.safetensors");
    publish(checkpoint("a", 0, weights));
    publish(batch("a", 0));
    publish(batch("a", 1));
    publish(checkpoint("a", 2, weights));
    publish(batch("a", 2));
    AgentConfig.EstimateConfig all = ConfigLoader.defaults().estimate();
    startAgent(all.latest());
    awaitEvents(5);
    String metrics = new String(get("/metrics").body(), java.nio.charset.StandardCharsets.UTF_8);
    assertThat(metrics)
        .contains("fisherwatch_events_total{outcome=\"skipped\",type=\"batch\"} 2.0")
        .contains("fisherwatch_events_total{outcome=\"processed\",type=\"batch\"} 1.0");
  }
}
