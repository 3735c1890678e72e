package io.fisherwatch.kafka;

import static io.fisherwatch.kafka.Fixture.await;
import static io.fisherwatch.kafka.Fixture.ended;
import static org.assertj.core.api.Assertions.assertThat;

import io.fisherwatch.demo.EmbeddedBroker;
import io.fisherwatch.event.Outcome;
import io.fisherwatch.kafka.Fixture.Running;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(120)
class BrokerAwayIT {

  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"classic", "consumer"})
  void run_brokerRestarts_goesOnWithoutLoss(String protocol) throws Exception {
    EmbeddedBroker broker = EmbeddedBroker.start(0, folder);
    int port = Integer.parseInt(broker.bootstrapServers().split(":", -1)[1]);
    Fixture kafka = new Fixture(broker, 1);
    kafka.publish(ended("a", 0));
    try (Running running =
        new Running(
            kafka.settings(Map.of("group.protocol", protocol)), event -> Outcome.PROCESSED)) {
      running.awaitHandled(1);
      await("ready", running.source::ready);
      await("committed", () -> kafka.committed() == 1);
      broker.close();
      await("not ready", () -> !running.source.ready());
      assertThat(running.source.status()).contains("no answer from Kafka");
      broker = EmbeddedBroker.start(port, folder);
      kafka.publish(ended("a", 1));
      running.awaitHandled(2);
      await("ready again", running.source::ready);
      await("committed", () -> kafka.committed() == 2);
      assertThat(running.steps()).containsExactly(0L, 1L);
    } finally {
      broker.close();
    }
  }

  @Test
  void run_noBroker_waitsAndStopsInTime() throws Exception {
    int port;
    try (ServerSocket socket = new ServerSocket(0)) {
      port = socket.getLocalPort();
    }
    KafkaSettings settings = new KafkaSettings("127.0.0.1:" + port, "t", "t.dlq", "g", Map.of());
    Running running = new Running(settings, event -> Outcome.PROCESSED);
    await("it says so", () -> running.source.status().contains("no answer from Kafka"));
    assertThat(running.source.ready()).isFalse();
    long start = System.nanoTime();
    running.source.stop();
    assertThat(1e-9 * (System.nanoTime() - start)).isLessThan(10);
    assertThat(running.failure.get()).isNull();
  }
}
