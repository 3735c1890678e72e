package io.fisherwatch.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(90)
class EmbeddedBrokerIT {

  @TempDir Path folder;

  @Test
  void start_onTheSameFolder_keepsTheData() throws Exception {
    try (EmbeddedBroker broker = EmbeddedBroker.start(0, folder)) {
      assertThat(broker.bootstrapServers()).matches("127\\.0\\.0\\.1:\\d+");
      send(broker, "first".getBytes(StandardCharsets.UTF_8));
    }
    try (EmbeddedBroker broker = EmbeddedBroker.start(0, folder)) {
      assertThat(new String(read(broker), StandardCharsets.UTF_8)).isEqualTo("first");
    }
  }

  @Test
  void send_recordOf50MiB_passes() throws Exception {
    try (EmbeddedBroker broker = EmbeddedBroker.start(0, folder)) {
      send(broker, new byte[50 << 20]);
      assertThat(read(broker)).hasSize(50 << 20);
    }
  }

  @Test
  void start_portTaken_saysSo() throws Exception {
    try (EmbeddedBroker broker = EmbeddedBroker.start(0, folder.resolve("a"))) {
      int port = Integer.parseInt(broker.bootstrapServers().split(":", -1)[1]);
      assertThatThrownBy(() -> EmbeddedBroker.start(port, folder.resolve("b")))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("port " + port);
    }
  }

  @Test
  void start_folderInUse_saysSo() throws Exception {
    try (EmbeddedBroker broker = EmbeddedBroker.start(0, folder)) {
      assertThat(broker.bootstrapServers()).isNotEmpty();
      assertThatThrownBy(() -> EmbeddedBroker.start(0, folder))
          .isInstanceOf(IOException.class)
          .hasMessageContaining(folder.toString());
    }
  }

  private static void send(EmbeddedBroker broker, byte[] value) throws Exception {
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(
            Map.of(
                "bootstrap.servers",
                broker.bootstrapServers(),
                "max.request.size",
                EmbeddedBroker.LARGEST_RECORD,
                "buffer.memory",
                2L * EmbeddedBroker.LARGEST_RECORD),
            new ByteArraySerializer(),
            new ByteArraySerializer())) {
      producer.send(new ProducerRecord<>("t", value)).get();
    }
  }

  private static byte[] read(EmbeddedBroker broker) {
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(
            Map.of("bootstrap.servers", broker.bootstrapServers(), "auto.offset.reset", "earliest"),
            new ByteArrayDeserializer(),
            new ByteArrayDeserializer())) {
      consumer.assign(List.of(new TopicPartition("t", 0)));
      while (true) {
        for (var record : consumer.poll(Duration.ofSeconds(1))) {
          return record.value();
        }
      }
    }
  }
}
