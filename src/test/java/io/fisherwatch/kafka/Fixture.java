package io.fisherwatch.kafka;

import io.fisherwatch.demo.EmbeddedBroker;
import io.fisherwatch.event.BatchEvent;
import io.fisherwatch.event.CloudEventCodec;
import io.fisherwatch.event.EndedEvent;
import io.fisherwatch.event.EventHandler;
import io.fisherwatch.event.EventListener;
import io.fisherwatch.event.EventMessage;
import io.fisherwatch.event.Origin;
import io.fisherwatch.event.Outcome;
import io.fisherwatch.event.ReceivedEvent;
import io.fisherwatch.event.RunEndedEvent;
import io.fisherwatch.event.TrainingEvent;
import io.fisherwatch.safetensors.Dtype;
import io.fisherwatch.safetensors.HostTensor;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** One topic on a broker, with what tests do to it. */
final class Fixture {

  private static final AtomicLong NEXT = new AtomicLong();

  final String bootstrapServers;
  final String topic = "events-" + NEXT.incrementAndGet();
  final TopicPartition partition = new TopicPartition(topic, 0);

  /** A topic that does not exist yet. */
  Fixture(String bootstrapServers) {
    this.bootstrapServers = bootstrapServers;
  }

  Fixture(EmbeddedBroker broker, int partitions) throws Exception {
    this(broker.bootstrapServers());
    try (Admin admin = admin()) {
      admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1))).all().get();
    }
  }

  Admin admin() {
    return Admin.create(Map.of("bootstrap.servers", bootstrapServers));
  }

  KafkaSettings settings(Map<String, String> properties) {
    return new KafkaSettings(bootstrapServers, topic, topic + ".dlq", topic + "-group", properties);
  }

  KafkaSettings settings() {
    return settings(Map.of());
  }

  static Origin origin(String id) {
    return new Origin("urn:test", id, Optional.empty());
  }

  static TrainingEvent ended(String run, long step) {
    return new RunEndedEvent(run, step, true, origin(run + "/" + step));
  }

  static TrainingEvent batch(String run, long step) {
    HostTensor tensor = HostTensor.of(Dtype.U8, new long[] {2}, ByteBuffer.wrap(new byte[] {1, 2}));
    return new BatchEvent(
        run, step, Map.of("x", tensor), Optional.empty(), origin(run + "/" + step));
  }

  void publish(TrainingEvent... events) {
    try (KafkaEventSink sink = new KafkaEventSink(settings())) {
      Stream.of(events).map(sink::publish).toList().forEach(CompletableFuture::join);
    }
  }

  void send(EventMessage message) throws Exception {
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(
            Map.of(
                "bootstrap.servers",
                bootstrapServers,
                "max.request.size",
                EmbeddedBroker.LARGEST_RECORD,
                "buffer.memory",
                2L * EmbeddedBroker.LARGEST_RECORD),
            new ByteArraySerializer(),
            new ByteArraySerializer())) {
      ProducerRecord<byte[], byte[]> record = Messages.record(topic, message);
      producer.send(record).get();
    }
  }

  static EventMessage with(TrainingEvent event, String header, String value) {
    EventMessage message = CloudEventCodec.encode(event);
    List<EventMessage.Header> headers = new ArrayList<>(message.headers());
    headers.add(EventMessage.Header.of(header, value));
    return new EventMessage(message.key(), message.value(), headers);
  }

  /** Everything in a topic of one partition, once it holds so many records. */
  List<ConsumerRecord<byte[], byte[]>> read(String name, int count) {
    List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(
            Map.of("bootstrap.servers", bootstrapServers, "auto.offset.reset", "earliest"),
            new ByteArrayDeserializer(),
            new ByteArrayDeserializer())) {
      consumer.assign(List.of(new TopicPartition(name, 0)));
      await(
          name + " holds " + count,
          () -> {
            consumer.poll(Duration.ofMillis(100)).forEach(records::add);
            return records.size() >= count;
          });
    }
    return records;
  }

  /** The group's committed offset of partition 0, or −1. */
  long committed() {
    try (Admin admin = admin()) {
      Map<TopicPartition, OffsetAndMetadata> offsets =
          admin
              .listConsumerGroupOffsets(topic + "-group")
              .partitionsToOffsetAndMetadata()
              .toCompletionStage()
              .toCompletableFuture()
              .join();
      OffsetAndMetadata offset = offsets.get(partition);
      return offset == null ? -1 : offset.offset();
    }
  }

  static void await(String what, BooleanSupplier condition) {
    long deadline = System.nanoTime() + Duration.ofSeconds(40).toNanos();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > deadline) {
        throw new AssertionError("waited in vain until " + what);
      }
      try {
        Thread.sleep(20);
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }
  }

  /** A source on its own thread, with what it did. */
  static final class Running implements AutoCloseable, EventListener {
    final KafkaEventSource source;
    final List<ReceivedEvent> handled = new CopyOnWriteArrayList<>();
    final List<String> endings = new CopyOnWriteArrayList<>();
    final List<String> gaps = new CopyOnWriteArrayList<>();
    final Map<Integer, Boolean> owned = new HashMap<>();
    final AtomicLong lag = new AtomicLong(-1);
    final AtomicReference<Throwable> failure = new AtomicReference<>();
    final Thread thread;

    private final OptionalLong resumeAt;

    Running(KafkaSettings settings, EventHandler handler) {
      this(settings, handler, OptionalLong.empty());
    }

    Running(KafkaSettings settings, EventHandler handler, OptionalLong resumeAt) {
      this.resumeAt = resumeAt;
      source = new KafkaEventSource(settings);
      thread =
          new Thread(
              () -> {
                try {
                  source.run(
                      event -> {
                        Outcome outcome = handler.handle(event);
                        handled.add(event);
                        return outcome;
                      },
                      this);
                } catch (RuntimeException | Error e) {
                  failure.set(e);
                }
              });
      thread.start();
    }

    List<Long> steps() {
      return handled.stream().map(received -> received.event().step()).toList();
    }

    void awaitHandled(int count) {
      await(count + " handled, not " + handled.size(), () -> handled.size() >= count);
    }

    @Override
    public void ended(EndedEvent event) {
      endings.add(event.type().label() + " " + event.outcome().label());
    }

    @Override
    public void lag(long records) {
      lag.set(records);
    }

    @Override
    public OptionalLong assigned(String topic, int partition, long assignment) {
      synchronized (owned) {
        owned.put(partition, true);
      }
      return resumeAt;
    }

    @Override
    public void lost(String topic, int partition) {
      released(topic, partition);
    }

    @Override
    public void released(String topic, int partition) {
      synchronized (owned) {
        owned.remove(partition);
      }
    }

    int partitions() {
      synchronized (owned) {
        return owned.size();
      }
    }

    @Override
    public void gap(String message) {
      gaps.add(message);
    }

    @Override
    public void close() {
      source.close();
    }
  }
}
