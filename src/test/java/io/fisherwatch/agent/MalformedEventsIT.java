package io.fisherwatch.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.fisherwatch.demo.EmbeddedBroker;
import io.fisherwatch.event.BatchEvent;
import io.fisherwatch.event.CheckpointEvent;
import io.fisherwatch.event.FileReference;
import io.fisherwatch.event.LikelihoodSpec;
import io.fisherwatch.event.LogitsSelector;
import io.fisherwatch.event.Origin;
import io.fisherwatch.kafka.KafkaEventSink;
import io.fisherwatch.kafka.KafkaSettings;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.SafetensorsReader;
import io.fisherwatch.web.WebSettings;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * As many malformed records as good ones, of every kind, in one stream: the good ones count, the
 * bad ones are among the dead letters with their reason, and memory stays where it was.
 */
@Timeout(900)
class MalformedEventsIT {

  private static final int EACH = System.getenv("FISHERWATCH_SOAK") == null ? 300 : 10_000;
  private static final long MOST_GROWTH = 24L << 20;

  @TempDir private Path folder;

  @Test
  void stream_halfMalformed_losesNothingGoodAndKeepsNothingBad() throws Exception {
    Path root = Files.createDirectory(folder.toRealPath().resolve("root"));
    Path models = Path.of("src/test/resources/models/mlp").toRealPath();
    MalformedEvents malformed = new MalformedEvents(root);
    assertThat(malformed.kinds()).isGreaterThanOrEqualTo(30);
    FileReference graph = reference(models.resolve("graph.pt"));
    AgentConfig defaults = ConfigLoader.defaults();
    try (EmbeddedBroker broker = EmbeddedBroker.start(0, folder)) {
      KafkaSettings kafka =
          new KafkaSettings(broker.bootstrapServers(), "events", "events.dlq", "g", Map.of());
      AgentConfig config =
          new AgentConfig(
              kafka,
              defaults.files().with(List.of(root, models), graph.sha256().orElseThrow()),
              "cpu",
              1,
              defaults.estimate(),
              new WebSettings("127.0.0.1", 0),
              100,
              Duration.ofHours(1),
              20_000,
              4,
              new AgentConfig.StateConfig(Optional.empty(), Duration.ofHours(1)),
              defaults.logging(),
              defaults.shutdownTimeout());
      try (Agent agent = Agent.start(config);
          KafkaEventSink sink = new KafkaEventSink(kafka)) {
        Thread running = new Thread(agent::run, "agent");
        running.start();
        Map<Long, String> expected = new HashMap<>();
        sink.publish(checkpoint(graph)).join();
        publish(sink, kafka, malformed, expected, models, EACH / 3);
        await(agent, 1 + 2L * (EACH / 3));
        long before = usedHeap();
        publish(sink, kafka, malformed, expected, models, EACH - EACH / 3);
        await(agent, 1 + 2L * EACH);
        long growth = usedHeap() - before;
        agent.stop();
        running.join();
        assertThat(agent.deadLettered()).isEqualTo(EACH);
        assertThat(codes(kafka, EACH)).isEqualTo(expected);
        assertThat(agent.runs().get("good").figures().examples())
            .isEqualTo(examples(models) * EACH);
        assertThat(growth).as("bytes of heap more than after a third").isLessThan(MOST_GROWTH);
      }
    }
  }

  private static void publish(
      KafkaEventSink sink,
      KafkaSettings kafka,
      MalformedEvents malformed,
      Map<Long, String> expected,
      Path models,
      int count)
      throws Exception {
    Map<String, HostTensor> tensors = tensors(models);
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", kafka.bootstrapServers()),
            new ByteArraySerializer(),
            new ByteArraySerializer())) {
      for (int i = 0; i < count; i++) {
        int n = expected.size();
        Origin origin = new Origin("urn:test", "good-" + n, Optional.empty());
        sink.publish(new BatchEvent("good", n, tensors, Optional.empty(), origin)).join();
        int kind = n % malformed.kinds();
        long offset = producer.send(malformed.record(kafka.topic(), kind)).get().offset();
        expected.put(offset, malformed.code(kind));
      }
    }
  }

  private static CheckpointEvent checkpoint(FileReference graph) {
    return new CheckpointEvent(
        "good",
        0,
        graph,
        Optional.empty(),
        List.of("x"),
        LogitsSelector.FIRST,
        LikelihoodSpec.CATEGORICAL,
        List.of(),
        new Origin("urn:test", "checkpoint", Optional.empty()));
  }

  private static FileReference reference(Path file) throws Exception {
    return new FileReference(file.toUri().toString(), Optional.of(SafetensorsReader.sha256(file)));
  }

  private static Map<String, HostTensor> tensors(Path models) throws Exception {
    return SafetensorsReader.decode(
        Files.readAllBytes(models.resolve("batch.safetensors")), "batch");
  }

  private static long examples(Path models) throws Exception {
    return tensors(models).get("x").size(0);
  }

  private static void await(Agent agent, long events) throws Exception {
    long deadline = System.nanoTime() + Duration.ofSeconds(60 + EACH / 20).toNanos();
    while (agent.eventsEnded() < events && System.nanoTime() < deadline) {
      Thread.sleep(50);
    }
    assertThat(agent.eventsEnded()).isEqualTo(events);
  }

  private static long usedHeap() throws Exception {
    for (int i = 0; i < 3; i++) {
      System.gc();
      Thread.sleep(200);
    }
    return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
  }

  /** The codes of the dead letters by the offsets of the records that they were. */
  private static Map<Long, String> codes(KafkaSettings kafka, int count) {
    Map<Long, String> codes = new HashMap<>();
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(
            Map.of("bootstrap.servers", kafka.bootstrapServers(), "auto.offset.reset", "earliest"),
            new ByteArrayDeserializer(),
            new ByteArrayDeserializer())) {
      consumer.assign(List.of(new TopicPartition(kafka.deadLetterTopic(), 0)));
      for (int i = 0; i < 300 && codes.size() < count; i++) {
        for (ConsumerRecord<byte[], byte[]> letter : consumer.poll(Duration.ofMillis(200))) {
          codes.put(Long.parseLong(header(letter, "offset")), header(letter, "code"));
        }
      }
    }
    return codes;
  }

  private static String header(ConsumerRecord<byte[], byte[]> letter, String name) {
    return new String(
        letter.headers().lastHeader("fisherwatch.error." + name).value(), StandardCharsets.UTF_8);
  }
}
