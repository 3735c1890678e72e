package io.fisherwatch.kafka;

import static io.fisherwatch.kafka.Fixture.await;
import static io.fisherwatch.kafka.Fixture.batch;
import static io.fisherwatch.kafka.Fixture.ended;
import static org.assertj.core.api.Assertions.assertThat;

import io.fisherwatch.demo.EmbeddedBroker;
import io.fisherwatch.event.CloudEventCodec;
import io.fisherwatch.event.EventHandler;
import io.fisherwatch.event.EventMessage;
import io.fisherwatch.event.Outcome;
import io.fisherwatch.event.RejectedEventException;
import io.fisherwatch.event.TrainingEvent;
import io.fisherwatch.kafka.Fixture.Running;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.LongStream;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(90)
class KafkaEventSourceIT {

  private static final EventHandler PROCESS = event -> Outcome.PROCESSED;

  @TempDir static Path folder;
  private static EmbeddedBroker broker;

  @BeforeAll
  static void startBroker() throws Exception {
    broker = EmbeddedBroker.start(0, folder);
  }

  @AfterAll
  static void stopBroker() throws Exception {
    broker.close();
  }

  @ParameterizedTest
  @ValueSource(strings = {"classic", "consumer"})
  void run_severalRunsAndPartitions_keepsEachRunsOrder(String protocol) throws Exception {
    Fixture kafka = new Fixture(broker, 3);
    List<TrainingEvent> events = new ArrayList<>();
    for (long step = 0; step < 100; step++) {
      for (int run = 0; run < 5; run++) {
        events.add(batch("run-" + run, step));
      }
    }
    kafka.publish(events.toArray(new TrainingEvent[0]));
    try (Running running =
        new Running(kafka.settings(Map.of("group.protocol", protocol)), PROCESS)) {
      running.awaitHandled(500);
      Map<String, List<Long>> steps = new HashMap<>();
      running.handled.forEach(
          received ->
              steps
                  .computeIfAbsent(received.event().run(), run -> new ArrayList<>())
                  .add(received.event().step()));
      assertThat(steps).hasSize(5);
      steps
          .values()
          .forEach(s -> assertThat(s).isEqualTo(LongStream.range(0, 100).boxed().toList()));
      await("ready", running.source::ready);
      await("no lag", () -> running.lag.get() == 0);
      assertThat(running.endings).hasSize(500).containsOnly("batch processed");
      assertThat(running.source.status()).contains("consuming 3 partitions");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"classic", "consumer"})
  void stop_thenRunAgain_continuesAfterTheLastProcessed(String protocol) throws Exception {
    Fixture kafka = new Fixture(broker, 1);
    KafkaSettings settings = kafka.settings(Map.of("group.protocol", protocol));
    kafka.publish(ended("a", 0), ended("a", 1));
    try (Running first = new Running(settings, PROCESS)) {
      first.awaitHandled(2);
    }
    assertThat(kafka.committed()).isEqualTo(2);
    kafka.publish(ended("a", 2));
    try (Running second = new Running(settings, PROCESS)) {
      second.awaitHandled(1);
      assertThat(second.steps()).containsExactly(2L);
    }
    assertThat(kafka.committed()).isEqualTo(3);
  }

  @Test
  void run_handlerNotDone_doesNotCommit() throws Exception {
    Fixture kafka = new Fixture(broker, 1);
    kafka.publish(ended("a", 0), ended("a", 1));
    CountDownLatch release = new CountDownLatch(1);
    CountDownLatch second = new CountDownLatch(1);
    try (Running running =
        new Running(
            kafka.settings(),
            event -> {
              if (event.event().step() == 1) {
                second.countDown();
                awaitQuietly(release);
              }
              return Outcome.SKIPPED;
            })) {
      second.await();
      await("the first is committed", () -> kafka.committed() == 1);
      Thread.sleep(600);
      assertThat(kafka.committed()).isEqualTo(1);
      release.countDown();
      await("the second is committed", () -> kafka.committed() == 2);
      assertThat(running.endings).containsExactly("run-ended skipped", "run-ended skipped");
    }
  }

  @Test
  void run_badRecords_goToTheDeadLettersWithTheirHeaders() throws Exception {
    Fixture kafka = new Fixture(broker, 1);
    kafka.publish(ended("a", 0));
    kafka.send(Fixture.with(batch("a", 1), "ce_type", "io.fisherwatch.batch.v9"));
    kafka.send(new EventMessage(null, null, List.of()));
    kafka.send(
        new EventMessage(bytes("k"), bytes("\u0001"), List.of(new EventMessage.Header("n", null))));
    kafka.publish(batch("a", 7), batch("a", 8), batch("a", 9));
    try (Running running =
        new Running(
            kafka.settings(),
            event -> {
              if (event.event().step() == 7) {
                throw new RejectedEventException("digest-mismatch", "w.safetensors is another");
              }
              if (event.event().step() == 8) {
                throw new IllegalStateException("a bug,\nin two lines");
              }
              return Outcome.PROCESSED;
            })) {
      running.awaitHandled(2);
      await("all committed", () -> kafka.committed() == 7);
      assertThat(running.steps()).containsExactly(0L, 9L);
      assertThat(running.endings)
          .containsExactly(
              "run-ended processed",
              "other dead_lettered",
              "other dead_lettered",
              "other dead_lettered",
              "batch dead_lettered",
              "batch dead_lettered",
              "batch processed");
    }
    List<ConsumerRecord<byte[], byte[]>> letters = kafka.read(kafka.topic + ".dlq", 5);
    List<ConsumerRecord<byte[], byte[]>> originals = kafka.read(kafka.topic, 7);
    assertThat(letters)
        .extracting(letter -> header(letter, "fisherwatch.error.code"))
        .containsExactly(
            "unknown-type", "undecodable", "undecodable", "digest-mismatch", "internal-error");
    int[] offsets = {1, 2, 3, 4, 5};
    for (int i = 0; i < letters.size(); i++) {
      ConsumerRecord<byte[], byte[]> letter = letters.get(i);
      ConsumerRecord<byte[], byte[]> original = originals.get(offsets[i]);
      assertThat(letter.key()).isEqualTo(original.key());
      assertThat(letter.value()).isEqualTo(original.value());
      assertThat(header(letter, "fisherwatch.error.topic")).isEqualTo(kafka.topic);
      assertThat(header(letter, "fisherwatch.error.partition")).isEqualTo("0");
      assertThat(header(letter, "fisherwatch.error.offset"))
          .isEqualTo(Integer.toString(offsets[i]));
      List<Header> before = List.of(original.headers().toArray());
      assertThat(List.of(letter.headers().toArray()).subList(0, before.size())).isEqualTo(before);
    }
    assertThat(header(letters.get(3), "fisherwatch.error.message"))
        .isEqualTo("w.safetensors is another");
    assertThat(header(letters.get(4), "fisherwatch.error.message")).contains("a bug, in two lines");
  }

  @Test
  void run_structuredMode_isDecoded() throws Exception {
    Fixture kafka = new Fixture(broker, 1);
    kafka.send(CloudEventCodec.encodeStructured(batch("a", 5)));
    try (Running running = new Running(kafka.settings(), PROCESS)) {
      running.awaitHandled(1);
      assertThat(running.steps()).containsExactly(5L);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"classic", "consumer"})
  void run_handlerSlowerThanThePollInterval_keepsItsPartitions(String protocol) throws Exception {
    Fixture kafka = new Fixture(broker, 1);
    kafka.publish(ended("a", 0), ended("a", 1), ended("a", 2));
    try (Running running =
        new Running(
            kafka.settings(Map.of("max.poll.interval.ms", "6000", "group.protocol", protocol)),
            event -> {
              if (event.event().step() == 1) {
                sleep(Duration.ofSeconds(10));
              }
              return Outcome.PROCESSED;
            })) {
      running.awaitHandled(3);
      await("all committed", () -> kafka.committed() == 3);
      Thread.sleep(500);
      assertThat(running.steps()).containsExactly(0L, 1L, 2L);
      assertThat(running.partitions()).isEqualTo(1);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"classic", "consumer"})
  void run_secondMemberJoins_everyEventIsHandledOnceAndInOrder(String protocol) throws Exception {
    Fixture kafka = new Fixture(broker, 4);
    KafkaSettings settings = kafka.settings(Map.of("group.protocol", protocol));
    EventHandler slowly =
        event -> {
          sleep(Duration.ofMillis(20));
          return Outcome.PROCESSED;
        };
    List<TrainingEvent> events = new ArrayList<>();
    for (long step = 0; step < 40; step++) {
      for (int run = 0; run < 10; run++) {
        events.add(ended("run-" + run, step));
      }
    }
    kafka.publish(events.toArray(new TrainingEvent[0]));
    try (Running first = new Running(settings, slowly)) {
      first.awaitHandled(50);
      try (Running second = new Running(settings, slowly)) {
        await("all handled", () -> first.handled.size() + second.handled.size() >= 400);
        assertThat(second.handled).isNotEmpty();
        Thread.sleep(500);
        assertThat(first.handled.size() + second.handled.size()).isEqualTo(400);
        assertThat(first.partitions() + second.partitions()).isEqualTo(4);
      }
    }
  }

  @Test
  void stop_recordInHand_finishesAndCommitsIt() throws Exception {
    Fixture kafka = new Fixture(broker, 1);
    kafka.publish(ended("a", 0), ended("a", 1));
    CountDownLatch begun = new CountDownLatch(1);
    Running running =
        new Running(
            kafka.settings(),
            event -> {
              begun.countDown();
              sleep(Duration.ofSeconds(2));
              return Outcome.PROCESSED;
            });
    begun.await();
    long start = System.nanoTime();
    running.source.stop();
    assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(6));
    assertThat(running.steps()).containsExactly(0L);
    assertThat(kafka.committed()).isEqualTo(1);
    assertThat(running.source.ready()).isFalse();
    assertThat(running.partitions()).isZero();
  }

  @Test
  void stop_handlerThatDoesNotEnd_returnsWithinTenSecondsWithoutCommit() throws Exception {
    Fixture kafka = new Fixture(broker, 1);
    kafka.publish(ended("a", 0));
    CountDownLatch begun = new CountDownLatch(1);
    AtomicBoolean interrupted = new AtomicBoolean();
    Running running =
        new Running(
            kafka.settings(),
            event -> {
              begun.countDown();
              try {
                Thread.sleep(60_000);
              } catch (InterruptedException e) {
                interrupted.set(true);
                throw new IllegalStateException(e);
              }
              return Outcome.PROCESSED;
            });
    begun.await();
    long start = System.nanoTime();
    running.source.stop();
    assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(10));
    assertThat(interrupted).isTrue();
    assertThat(kafka.committed()).isEqualTo(-1);
    assertThat(running.endings).isEmpty();
  }

  @Test
  void stop_byTheHandler_doesNotWaitForItself() throws Exception {
    Fixture kafka = new Fixture(broker, 1);
    kafka.publish(ended("a", 0));
    List<Running> self = new ArrayList<>();
    CountDownLatch known = new CountDownLatch(1);
    Running running =
        new Running(
            kafka.settings(),
            event -> {
              awaitQuietly(known);
              self.get(0).source.stop();
              return Outcome.PROCESSED;
            });
    self.add(running);
    known.countDown();
    running.thread.join(10_000);
    assertThat(running.thread.isAlive()).isFalse();
    assertThat(kafka.committed()).isEqualTo(1);
  }

  @Test
  void run_outOfMemory_endsTheRunWithoutCommit() throws Exception {
    Fixture kafka = new Fixture(broker, 1);
    kafka.publish(ended("a", 0));
    Running running =
        new Running(
            kafka.settings(),
            event -> {
              throw new OutOfMemoryError("pretended");
            });
    running.thread.join(20_000);
    assertThat(running.failure.get()).isInstanceOf(OutOfMemoryError.class);
    assertThat(kafka.committed()).isEqualTo(-1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"classic", "consumer"})
  void run_committedOffsetRemovedByRetention_saysWhatIsMissing(String protocol) throws Exception {
    Fixture kafka = new Fixture(broker, 1);
    KafkaSettings settings = kafka.settings(Map.of("group.protocol", protocol));
    kafka.publish(ended("a", 0), ended("a", 1), ended("a", 2), ended("a", 3));
    try (Running first =
        new Running(
            settings,
            event -> {
              if (event.event().step() == 1) {
                throw new LinkageError("stops here");
              }
              return Outcome.PROCESSED;
            })) {
      first.thread.join(20_000);
    }
    assertThat(kafka.committed()).isEqualTo(1);
    try (var admin = kafka.admin()) {
      admin.deleteRecords(Map.of(kafka.partition, RecordsToDelete.beforeOffset(3))).all().get();
    }
    try (Running second = new Running(settings, PROCESS)) {
      second.awaitHandled(1);
      assertThat(second.steps()).containsExactly(3L);
      assertThat(second.gaps).hasSize(1);
      assertThat(second.gaps.get(0)).contains("offset 1").contains("2 events").contains("at 3");
      assertThat(second.source.status()).contains("retention removed 2 events");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"classic", "consumer"})
  void run_topicMadeLater_isConsumedFromItsStart(String protocol) throws Exception {
    Fixture kafka = new Fixture(broker.bootstrapServers());
    try (Running running =
        new Running(kafka.settings(Map.of("group.protocol", protocol)), PROCESS)) {
      Thread.sleep(1_500);
      kafka.publish(ended("a", 0), ended("a", 1));
      running.awaitHandled(2);
      await("ready", running.source::ready);
      assertThat(running.steps()).containsExactly(0L, 1L);
    }
  }

  @Test
  void run_receiverKeepsTheOffsets_goesOnThere() throws Exception {
    Fixture kafka = new Fixture(broker, 1);
    kafka.publish(ended("a", 0), ended("a", 1), ended("a", 2));
    try (Running first = new Running(kafka.settings(), PROCESS)) {
      first.awaitHandled(3);
    }
    try (Running second = new Running(kafka.settings(), PROCESS, OptionalLong.of(1))) {
      second.awaitHandled(2);
      assertThat(second.steps()).containsExactly(1L, 2L);
      assertThat(second.gaps).isEmpty();
    }
  }

  @Test
  void run_offsetBeyondTheEnd_saysSoAndBeginsAtTheEarliest() throws Exception {
    Fixture kafka = new Fixture(broker, 1);
    kafka.publish(ended("a", 0));
    try (Running running = new Running(kafka.settings(), PROCESS, OptionalLong.of(500))) {
      running.awaitHandled(1);
      assertThat(running.gaps).hasSize(1);
      assertThat(running.gaps.get(0)).contains("offset 500").contains("does not exist");
    }
  }

  @Test
  void run_deadLetterTooLarge_goesWithoutItsValue() throws Exception {
    Fixture kafka = new Fixture(broker, 1);
    EventMessage bad =
        new EventMessage(bytes("k"), new byte[EmbeddedBroker.LARGEST_RECORD - 150], List.of());
    kafka.send(bad);
    try (Running running = new Running(kafka.settings(), PROCESS)) {
      await("committed", () -> kafka.committed() == 1);
      assertThat(running.endings).containsExactly("other dead_lettered");
      ConsumerRecord<byte[], byte[]> letter = kafka.read(kafka.topic + ".dlq", 1).get(0);
      assertThat(letter.key()).isEqualTo(bytes("k"));
      assertThat(letter.value()).isNull();
      assertThat(header(letter, "fisherwatch.error.message")).contains("too large");
    }
  }

  private static String header(ConsumerRecord<byte[], byte[]> record, String name) {
    return new String(record.headers().lastHeader(name).value(), StandardCharsets.UTF_8);
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static void awaitQuietly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void sleep(Duration time) {
    try {
      Thread.sleep(time.toMillis());
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
