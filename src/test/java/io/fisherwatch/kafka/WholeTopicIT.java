package io.fisherwatch.kafka;

import static io.fisherwatch.kafka.Fixture.await;
import static io.fisherwatch.kafka.Fixture.ended;
import static org.assertj.core.api.Assertions.assertThat;

import io.fisherwatch.demo.EmbeddedBroker;
import io.fisherwatch.event.CloudEventCodec;
import io.fisherwatch.event.EventMessage;
import io.fisherwatch.event.RejectedEventException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Topics that are read as a whole, and topics that keep the latest of everything. */
@Timeout(180)
class WholeTopicIT {

  private static final Duration LONG = Duration.ofSeconds(60);

  @TempDir Path folder;
  private EmbeddedBroker broker;

  @BeforeEach
  void start() throws Exception {
    broker = EmbeddedBroker.start(0, folder);
  }

  @AfterEach
  void stop() throws Exception {
    broker.close();
  }

  /** Notes the steps of the events that come. */
  private static final class Steps implements WholeTopic.Receiver {
    final List<Long> steps = new CopyOnWriteArrayList<>();
    final AtomicReference<String> refused = new AtomicReference<>();

    @Override
    public void received(EventMessage message, String place) {
      try {
        steps.add(CloudEventCodec.decode(message).step());
      } catch (RejectedEventException e) {
        throw new AssertionError(place, e);
      }
    }

    @Override
    public void refused(String reason) {
      refused.set(reason);
    }
  }

  private static Map<String, String> settings(Fixture kafka, String topic) throws Exception {
    ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
    Map<String, String> settings = new HashMap<>();
    try (Admin admin = kafka.admin()) {
      admin
          .describeConfigs(List.of(resource))
          .all()
          .get()
          .get(resource)
          .entries()
          .forEach(entry -> settings.put(entry.name(), entry.value()));
    }
    return settings;
  }

  @Test
  void missingTopic_isMadeToBeKeptForEver() throws Exception {
    Fixture kafka = new Fixture(broker.bootstrapServers());
    Steps steps = new Steps();
    try (WholeTopic topic = WholeTopic.open(kafka.settings(), kafka.topic, steps)) {
      topic.caughtUp().get(60, TimeUnit.SECONDS);
      assertThat(settings(kafka, kafka.topic))
          .containsEntry("cleanup.policy", "delete")
          .containsEntry("retention.ms", "-1");
      assertThat(topic.problem()).isEmpty();
      kafka.publish(ended("a", 1));
      await("it is read", () -> steps.steps.equals(List.of(1L)));
    }
  }

  @Test
  void topic_fromTheBeginning_isReadBeforeItIsCaughtUp() throws Exception {
    Fixture kafka = new Fixture(broker, 3);
    List<Long> all = new ArrayList<>();
    for (long step = 0; step < 300; step++) {
      all.add(step);
      kafka.publish(ended("run-" + step % 7, step));
    }
    Steps steps = new Steps();
    try (WholeTopic topic = WholeTopic.open(kafka.settings(), kafka.topic, steps)) {
      topic.caughtUp().get(60, TimeUnit.SECONDS);
      assertThat(steps.steps).containsExactlyInAnyOrderElementsOf(all);
      assertThat(topic.problem()).hasValueSatisfying(p -> assertThat(p).contains("retention.ms"));
      for (long step = 300; step < 310; step++) {
        kafka.publish(ended("a", step));
        assertThat(topic.refresh(LONG)).isTrue();
        assertThat(steps.steps).as("after asking").contains(step);
      }
    }
  }

  @Test
  void partitions_added_areReadToo() throws Exception {
    Fixture kafka = new Fixture(broker, 1);
    Steps steps = new Steps();
    try (WholeTopic topic = WholeTopic.open(kafka.settings(), kafka.topic, steps);
        Admin admin = kafka.admin()) {
      kafka.publish(ended("a", 0));
      topic.caughtUp().get(60, TimeUnit.SECONDS);
      admin.createPartitions(Map.of(kafka.topic, NewPartitions.increaseTo(5))).all().get();
      for (int run = 1; run < 20; run++) {
        kafka.publish(ended("run-" + run, run));
      }
      await("all are read: " + steps.steps, () -> steps.steps.size() == 20);
    }
  }

  @Test
  void partition_whoseFirstRecordsAreGone_isRefused() throws Exception {
    Fixture kafka = new Fixture(broker, 1);
    kafka.publish(ended("a", 0), ended("a", 1));
    try (Admin admin = kafka.admin()) {
      admin.deleteRecords(Map.of(kafka.partition, RecordsToDelete.beforeOffset(1))).all().get();
    }
    Steps steps = new Steps();
    try (WholeTopic topic = WholeTopic.open(kafka.settings(), kafka.topic, steps)) {
      await("it is refused", () -> steps.refused.get() != null);
      assertThat(steps.refused.get()).contains("begins at offset 1").contains("retention.ms=-1");
      assertThat(topic.caughtUp()).isCompletedExceptionally();
      assertThat(topic.status()).contains("begins at offset 1");
      assertThat(steps.steps).isEmpty();
    }
  }

  @Test
  void broker_thatGoesAndComesBack_isWaitedFor() throws Exception {
    int port = Integer.parseInt(broker.bootstrapServers().split(":", -1)[1]);
    Fixture kafka = new Fixture(broker, 1);
    kafka.publish(ended("a", 0));
    Steps steps = new Steps();
    try (WholeTopic topic = WholeTopic.open(kafka.settings(), kafka.topic, steps);
        CompactedTopic latest = CompactedTopic.open(kafka.settings(), "latest")) {
      topic.caughtUp().get(60, TimeUnit.SECONDS);
      latest.publish("one", "g", List.of(entry("g/1", "before")));
      assertThat(latest.flush(LONG)).isTrue();
      broker.close();
      await("the outage is told", () -> topic.status().contains("cannot read"));
      latest.publish("one", "g", List.of(entry("g/1", "first")));
      await("it cannot be written", () -> latest.problem().orElse("").contains("cannot write"));
      latest.publish("one", "g", List.of(entry("g/1", "second")));
      broker = EmbeddedBroker.start(port, folder);
      kafka.publish(ended("a", 1));
      await("it goes on", () -> steps.steps.equals(List.of(0L, 1L)));
      await("it works", () -> topic.status().startsWith("reading"));
      await("nothing waits", () -> flushed(latest));
      List<String> written = texts(kafka.read("latest", 2));
      if (written.get(1).equals("first")) { // it was on its way once more when it was overtaken
        written = texts(kafka.read("latest", 3));
      }
      assertThat(written).startsWith("before").endsWith("second");
      assertThat(latest.problem()).isEmpty();
    }
  }

  private static boolean flushed(CompactedTopic topic) {
    try {
      return topic.flush(Duration.ofSeconds(1));
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private static CompactedTopic.Entry entry(String key, String value) {
    return new CompactedTopic.Entry(key, value.getBytes(StandardCharsets.UTF_8));
  }

  private static List<String> texts(List<ConsumerRecord<byte[], byte[]>> records) {
    return records.stream().map(r -> new String(r.value(), StandardCharsets.UTF_8)).toList();
  }

  @Test
  void compactedTopic_missing_isMadeAndKeepsEachGroupInOrder() throws Exception {
    Fixture kafka = new Fixture(broker.bootstrapServers());
    try (Admin admin = kafka.admin()) {
      admin.createTopics(List.of(new NewTopic("three", 3, (short) 1))).all().get();
    }
    try (CompactedTopic made = CompactedTopic.open(kafka.settings(), "made");
        CompactedTopic three = CompactedTopic.open(kafka.settings(), "three")) {
      made.publish("one", "g", List.of(entry("g/1", "x"), entry("g/", "y")));
      assertThat(made.flush(LONG)).isTrue();
      assertThat(settings(kafka, "made")).containsEntry("cleanup.policy", "compact");
      assertThat(texts(kafka.read("made", 2))).containsExactly("x", "y");
      assertThat(made.problem()).isEmpty();
      for (int group = 0; group < 20; group++) {
        three.publish(
            "name-" + group,
            "g" + group,
            List.of(entry("g" + group + "/a", "1"), entry("g" + group + "/b", "2")));
      }
      assertThat(three.flush(LONG)).isTrue();
      assertThat(three.problem()).hasValueSatisfying(p -> assertThat(p).contains("compact"));
    }
    Map<String, List<Integer>> places = new HashMap<>();
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(
            Map.of("bootstrap.servers", kafka.bootstrapServers),
            new ByteArrayDeserializer(),
            new ByteArrayDeserializer())) {
      consumer.assign(
          List.of(
              new TopicPartition("three", 0),
              new TopicPartition("three", 1),
              new TopicPartition("three", 2)));
      consumer.seekToBeginning(consumer.assignment());
      await(
          "all are read",
          () -> {
            consumer
                .poll(Duration.ofMillis(100))
                .forEach(
                    r ->
                        places
                            .computeIfAbsent(
                                new String(r.key(), StandardCharsets.UTF_8).split("/", -1)[0],
                                any -> new ArrayList<>())
                            .add(r.partition()));
            return places.values().stream().mapToInt(List::size).sum() == 40;
          });
    }
    assertThat(places).hasSize(20);
    assertThat(places.values()).allMatch(of -> of.get(0).equals(of.get(1)));
    assertThat(places.values().stream().map(of -> of.get(0)).distinct()).hasSize(3);
  }
}
