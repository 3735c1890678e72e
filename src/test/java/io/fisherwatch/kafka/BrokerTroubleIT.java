package io.fisherwatch.kafka;

import static io.fisherwatch.kafka.Fixture.await;
import static io.fisherwatch.kafka.Fixture.ended;
import static org.assertj.core.api.Assertions.assertThat;

import io.fisherwatch.demo.EmbeddedBroker;
import io.fisherwatch.event.CloudEventCodec;
import io.fisherwatch.event.EventMessage;
import io.fisherwatch.event.Outcome;
import io.fisherwatch.kafka.Fixture.Running;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a cluster does to its clients: the source recovers, or says what is wrong. */
@Timeout(180)
class BrokerTroubleIT {

  private static final boolean SOAK = System.getenv("FISHERWATCH_SOAK") != null;

  @TempDir private Path folder;

  private static int port(EmbeddedBroker broker) {
    return Integer.parseInt(broker.bootstrapServers().split(":", -1)[1]);
  }

  private static List<Long> steps(long from, long to) {
    return LongStream.range(from, to).boxed().toList();
  }

  private static void publish(Fixture kafka, long from, long to) {
    kafka.publish(
        LongStream.range(from, to)
            .mapToObj(step -> ended("a", step))
            .toArray(io.fisherwatch.event.TrainingEvent[]::new));
  }

  @ParameterizedTest
  @ValueSource(strings = {"classic", "consumer"})
  void run_brokerStoppedInMidStream_goesOnWithoutLoss(String protocol) throws Exception {
    EmbeddedBroker broker = EmbeddedBroker.start(0, folder);
    int port = port(broker);
    Fixture kafka = new Fixture(broker, 1);
    publish(kafka, 0, 200);
    try (Running running =
        new Running(
            kafka.settings(Map.of("group.protocol", protocol)),
            event -> {
              sleep(10);
              return Outcome.PROCESSED;
            })) {
      running.awaitHandled(50);
      broker.close();
      Thread.sleep(SOAK ? 30_000 : 1_500);
      broker = EmbeddedBroker.start(port, folder);
      running.awaitHandled(200);
      await("committed", () -> kafka.committed() == 200);
      assertThat(running.steps().stream().distinct().toList()).isEqualTo(steps(0, 200));
      assertThat(running.steps()).as("at least once, and not much more").hasSizeLessThan(300);
    } finally {
      broker.close();
    }
  }

  @Test
  void run_abortedTransaction_isNotSeen() throws Exception {
    try (EmbeddedBroker broker = EmbeddedBroker.start(0, folder)) {
      Fixture kafka = new Fixture(broker, 1);
      try (KafkaProducer<byte[], byte[]> producer =
          new KafkaProducer<>(
              Map.of("bootstrap.servers", broker.bootstrapServers(), "transactional.id", "t"),
              new ByteArraySerializer(),
              new ByteArraySerializer())) {
        producer.initTransactions();
        for (int step = 0; step < 4; step++) {
          producer.beginTransaction();
          EventMessage message = CloudEventCodec.encode(ended("a", step));
          assertThat(producer.send(Messages.record(kafka.topic, message)).get()).isNotNull();
          if (step % 2 == 0) {
            producer.abortTransaction();
          } else {
            producer.commitTransaction();
          }
        }
      }
      try (Running running = new Running(kafka.settings(), event -> Outcome.PROCESSED)) {
        running.awaitHandled(2);
        await("no lag is left", () -> running.lag.get() == 0);
        assertThat(running.steps()).containsExactly(1L, 3L);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"classic", "consumer"})
  void run_topicMadeAnew_beginsAtItsFirstRecordAndSaysSo(String protocol) throws Exception {
    try (EmbeddedBroker broker =
        EmbeddedBroker.start(0, folder, Map.of("auto.create.topics.enable", "false"))) {
      Fixture kafka = new Fixture(broker, 1);
      new Fixture(broker, 1); // another topic, so that the numbers of topics move on
      publish(kafka, 0, 5);
      try (Running running =
              new Running(
                  kafka.settings(Map.of("group.protocol", protocol, "metadata.max.age.ms", "1000")),
                  event -> Outcome.PROCESSED);
          Admin admin = kafka.admin()) {
        running.awaitHandled(5);
        await("ready", running.source::ready);
        Thread.sleep(2_500); // it has looked at the topic once
        admin.deleteTopics(List.of(kafka.topic)).all().get();
        await("it says so", () -> running.source.status().contains("does not exist"));
        assertThat(running.source.ready()).isFalse();
        admin.createTopics(List.of(new NewTopic(kafka.topic, 1, (short) 1))).all().get();
        publish(kafka, 100, 110);
        await("new ones", () -> running.steps().containsAll(steps(100, 110)));
        await("ready again", running.source::ready);
        assertThat(running.gaps).isNotEmpty();
        assertThat(running.source.gap()).isPresent();
        publish(kafka, 110, 111);
        await("goes on", () -> running.steps().contains(110L));
      }
    }
  }

  @Test
  void run_wrongPassword_saysSoAndDoesNotSpin() throws Exception {
    String login = "org.apache.kafka.common.security.plain.PlainLoginModule required ";
    Map<String, String> sasl =
        Map.of(
            "listener.security.protocol.map",
            "PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name",
            "PLAINTEXT",
            "sasl.enabled.mechanisms",
            "PLAIN",
            "sasl.mechanism.inter.broker.protocol",
            "PLAIN",
            "listener.name.plaintext.plain.sasl.jaas.config",
            login + "username=\"a\" password=\"right\" user_a=\"right\";");
    try (EmbeddedBroker broker = EmbeddedBroker.start(0, folder, sasl)) {
      Fixture kafka = new Fixture(broker.bootstrapServers());
      Map<String, String> wrong =
          Map.of(
              "security.protocol",
              "SASL_PLAINTEXT",
              "sasl.mechanism",
              "PLAIN",
              "sasl.jaas.config",
              login + "username=\"a\" password=\"wrong-one\";");
      try (Running running = new Running(kafka.settings(wrong), event -> Outcome.PROCESSED)) {
        await("it says so", () -> running.source.status().contains("refuses our credentials"));
        long cpu = cpuNanos();
        Thread.sleep(3_000);
        assertThat(1e-9 * (cpuNanos() - cpu)).as("seconds of the processor").isLessThan(2);
        assertThat(running.source.ready()).isFalse();
        assertThat(running.source.status())
            .contains("kafka.properties")
            .doesNotContain("wrong-one");
        assertThat(running.failure.get()).isNull();
      }
    }
  }

  @Test
  void run_listenerThatHangsUp_isTriedNowAndThen() throws Exception {
    try (SlowProxy door = SlowProxy.slamming()) {
      Fixture kafka = new Fixture("127.0.0.1:" + door.port());
      try (Running running = new Running(kafka.settings(), event -> Outcome.PROCESSED)) {
        await("it says so", () -> running.source.status().contains("no answer from Kafka"));
        int before = door.connections();
        Thread.sleep(3_000);
        assertThat(door.connections() - before).as("attempts in 3 s, 3 clients").isLessThan(40);
        assertThat(running.source.ready()).isFalse();
      }
    }
  }

  @Test
  void run_slowNetwork_getsThere() throws Exception {
    int inner = freePort();
    int outer = freePort();
    try (SlowProxy proxy = SlowProxy.start(outer, inner, 60_000);
        EmbeddedBroker broker =
            EmbeddedBroker.start(
                inner, folder, Map.of("advertised.listeners", "PLAINTEXT://127.0.0.1:" + outer))) {
      assertThat(proxy.port()).isEqualTo(outer);
      assertThat(port(broker)).isEqualTo(inner);
      Fixture kafka = new Fixture("127.0.0.1:" + outer);
      try (Admin admin = kafka.admin()) {
        admin.createTopics(List.of(new NewTopic(kafka.topic, 1, (short) 1))).all().get();
      }
      String padding = "x".repeat(10_000);
      for (int step = 0; step < 40; step++) {
        kafka.send(Fixture.with(ended("a", step), "padding", padding));
      }
      try (Running running = new Running(kafka.settings(), event -> Outcome.PROCESSED)) {
        running.awaitHandled(40);
        await("ready", running.source::ready);
        assertThat(running.steps()).isEqualTo(steps(0, 40));
      }
    }
  }

  @Test
  void run_recordThatTheClientCannotRead_isDeadLetteredInItsTurn() throws Exception {
    EmbeddedBroker broker = EmbeddedBroker.start(0, folder);
    int port = port(broker);
    Fixture kafka = new Fixture(broker, 1);
    kafka.publish(ended("a", 0));
    kafka.send(Fixture.with(ended("a", 1), "padding", "MARK".repeat(20)));
    kafka.publish(ended("a", 2));
    broker.close();
    damage(folder.resolve("broker").resolve(kafka.topic + "-0"), "MARKMARK");
    broker = EmbeddedBroker.start(port, folder);
    try (Running running = new Running(kafka.settings(), event -> Outcome.PROCESSED)) {
      running.awaitHandled(2);
      assertThat(running.steps()).containsExactly(0L, 2L);
      ConsumerRecord<byte[], byte[]> letter = kafka.read(kafka.topic + ".dlq", 1).get(0);
      assertThat(header(letter, "code")).isEqualTo("unreadable-record");
      assertThat(header(letter, "offset")).isEqualTo("1");
      assertThat(letter.value()).isNull();
      await("committed", () -> kafka.committed() == 3);
      await("ready", running.source::ready);
    } finally {
      broker.close();
    }
  }

  private static String header(ConsumerRecord<byte[], byte[]> letter, String name) {
    return new String(
        letter.headers().lastHeader(DeadLetters.PREFIX + name).value(), StandardCharsets.UTF_8);
  }

  /** Changes a byte of a record on the broker's disk, so that its checksum is wrong. */
  private static void damage(Path partition, String mark) throws IOException {
    Path log = partition.resolve("00000000000000000000.log");
    String content = Files.readString(log, StandardCharsets.ISO_8859_1);
    try (RandomAccessFile file = new RandomAccessFile(log.toFile(), "rw")) {
      file.seek(content.indexOf(mark));
      file.write('X');
    }
  }

  private static long cpuNanos() {
    return java.lang.management.ManagementFactory.getPlatformMXBean(
            com.sun.management.OperatingSystemMXBean.class)
        .getProcessCpuTime();
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  private static void sleep(long millis) {
    try {
      Thread.sleep(Duration.ofMillis(millis).toMillis());
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
