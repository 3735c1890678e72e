package io.fisherwatch.agent;

import io.fisherwatch.demo.EmbeddedBroker;
import io.fisherwatch.event.BatchEvent;
import io.fisherwatch.event.CheckpointEvent;
import io.fisherwatch.event.Shard;
import io.fisherwatch.event.TrainingEvent;
import io.fisherwatch.kafka.KafkaEventSink;
import io.fisherwatch.kafka.KafkaSettings;
import io.fisherwatch.monitor.EstimatorKind;
import io.fisherwatch.share.MergedRun;
import io.fisherwatch.share.RunParts;
import io.fisherwatch.share.ShareCodec;
import io.fisherwatch.share.ShareException;
import io.fisherwatch.share.ShareRecord;
import io.fisherwatch.snapshot.RunSnapshot;
import io.fisherwatch.web.WebSettings;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.utils.Utils;

/** A broker, agents in this process, and a run spread over them. */
final class Sharded implements AutoCloseable {

  static final String TOPIC = "training-events";
  static final String RUN = "run-0";
  static final int PARTITIONS = 4;
  private static final Duration LONG = Duration.ofMinutes(2);

  final EmbeddedBroker broker;
  final KafkaSettings kafka;
  final Recorded recorded;
  final KafkaEventSink sink;
  private final Path folder;
  private final List<Running> agents = new ArrayList<>();

  Sharded(Path folder) throws Exception {
    this.folder = folder;
    this.recorded = new Recorded(Files.createDirectories(folder.resolve("ckpt")).toRealPath());
    this.broker = EmbeddedBroker.start(0, folder.resolve("broker"));
    this.kafka =
        new KafkaSettings(
            broker.bootstrapServers(),
            TOPIC,
            TOPIC + ".dlq",
            "sharded",
            Map.of("session.timeout.ms", "6000", "heartbeat.interval.ms", "500"));
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
      admin.createTopics(List.of(new NewTopic(TOPIC, PARTITIONS, (short) 1))).all().get();
    }
    this.sink = new KafkaEventSink(kafka, TOPIC + "-checkpoints");
  }

  /** The partition of a shard's batches. */
  static int partition(String shard) {
    byte[] key = (RUN + "/" + shard).getBytes(StandardCharsets.UTF_8);
    return Utils.toPositive(Utils.murmur2(key)) % PARTITIONS;
  }

  void publish(TrainingEvent event) {
    sink.publish(event).join();
  }

  CheckpointEvent checkpoint(long step) throws Exception {
    return recorded.checkpoint(RUN, step);
  }

  BatchEvent batch(String shard, long step, long checkpointStep) {
    return recorded.batch(RUN, step).in(new Shard(shard, checkpointStep));
  }

  static AgentConfig.EstimateConfig exact() {
    AgentConfig.EstimateConfig usual = ConfigLoader.defaults().estimate();
    return new AgentConfig.EstimateConfig(
        EstimatorKind.EXACT,
        usual.rank(),
        usual.probes(),
        OptionalInt.of(1),
        usual.distribution(),
        usual.seed(),
        usual.decay(),
        usual.targetRelativeError(),
        usual.secondsPerBatch(),
        0,
        true,
        1,
        false,
        false);
  }

  private AgentConfig config(KafkaSettings settings, ShardingConfig sharding) throws Exception {
    AgentConfig defaults = ConfigLoader.defaults();
    return new AgentConfig(
            settings,
            defaults.files().with(List.of(recorded.folder()), recorded.graphSha256()),
            "cpu",
            1,
            exact(),
            new WebSettings("127.0.0.1", 0),
            100,
            Duration.ofHours(1),
            20_000,
            4,
            new AgentConfig.StateConfig(
                Optional.of(folder.resolve("state")), Duration.ofMillis(200)),
            defaults.logging(),
            defaults.shutdownTimeout())
        .with(sharding);
  }

  /** Starts one more agent of the group. */
  Running start(Duration patience) throws Exception {
    ShardingConfig usual = ShardingConfig.usual(true, TOPIC);
    ShardingConfig sharding =
        new ShardingConfig(
            true, usual.checkpointsTopic(), usual.sharesTopic(), patience, Duration.ofMillis(100));
    return start(config(kafka, sharding));
  }

  /** Starts an agent that watches whole runs on a topic of their own. */
  Running startPlain(KafkaSettings settings) throws Exception {
    return start(config(settings, ShardingConfig.usual(false, settings.topic())));
  }

  private Running start(AgentConfig config) throws Exception {
    Running running = new Running(Agent.start(config));
    agents.add(running);
    return running;
  }

  /** What the shares say together, once the run has seen so many examples. */
  MergedRun awaitMerged(long examples) {
    return awaitMerged(run -> run.snapshot().figures().examples() >= examples);
  }

  /** What the shares say together, once that is as it should be. */
  MergedRun awaitMerged(Predicate<MergedRun> condition) {
    AtomicReference<MergedRun> merged = new AtomicReference<>();
    try (Shares shares = new Shares()) {
      await(
          () -> "the merged run is as it should be: " + merged.get(),
          () -> {
            shares.read(RUN).merge(0).ifPresent(merged::set);
            return merged.get() != null && condition.test(merged.get());
          });
    }
    return merged.get();
  }

  /** Waits until every one of some agents owns a partition. */
  static void awaitShared(Running... agents) {
    for (Running one : agents) {
      await(
          () -> "an agent owns something",
          () ->
              MergeInProcess.get(one.agent.port(), "/metrics")
                  .contains("fisherwatch_partition_owned{"));
    }
  }

  static void await(Supplier<String> what, BooleanSupplier condition) {
    long deadline = System.nanoTime() + LONG.toNanos();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > deadline) {
        throw new AssertionError("waited in vain until " + what.get());
      }
      try {
        Thread.sleep(50);
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }
  }

  /** Codes of the first dead letters. */
  List<String> deadLetterCodes(int count) {
    List<String> codes = new ArrayList<>();
    try (KafkaConsumer<byte[], byte[]> consumer = consumer()) {
      consumer.assign(List.of(new TopicPartition(kafka.deadLetterTopic(), 0)));
      consumer.seekToBeginning(consumer.assignment());
      await(
          () -> count + " dead letters came: " + codes,
          () -> {
            for (ConsumerRecord<byte[], byte[]> letter : consumer.poll(Duration.ofMillis(200))) {
              byte[] code = letter.headers().lastHeader("fisherwatch.error.code").value();
              codes.add(new String(code, StandardCharsets.UTF_8));
            }
            return codes.size() >= count;
          });
    }
    return codes;
  }

  private KafkaConsumer<byte[], byte[]> consumer() {
    return new KafkaConsumer<>(
        Map.of("bootstrap.servers", broker.bootstrapServers(), "allow.auto.create.topics", false),
        new ByteArrayDeserializer(),
        new ByteArrayDeserializer());
  }

  /** Reads the topic of the shares. */
  private final class Shares implements AutoCloseable {
    private final KafkaConsumer<byte[], byte[]> consumer = consumer();
    private final RunParts parts = new RunParts(RUN);

    Shares() {
      consumer.assign(List.of(new TopicPartition(TOPIC + "-shares", 0)));
      consumer.seekToBeginning(consumer.assignment());
    }

    RunParts read(String run) {
      try {
        for (ConsumerRecord<byte[], byte[]> one : consumer.poll(Duration.ofMillis(200))) {
          String key = new String(one.key(), StandardCharsets.UTF_8);
          if (ShareCodec.run(key).equals(run)) {
            parts.add(new ShareRecord(key, one.value()));
          }
        }
        return parts;
      } catch (ShareException e) {
        throw new AssertionError(e);
      }
    }

    @Override
    public void close() {
      consumer.close();
    }
  }

  @Override
  public void close() throws IOException {
    for (Running agent : List.copyOf(agents)) {
      agent.stop();
    }
    sink.close();
    broker.close();
  }

  /** An agent at work in this process. */
  final class Running {
    final Agent agent;
    final AtomicReference<Throwable> failure = new AtomicReference<>();
    private final Thread thread;

    Running(Agent agent) {
      this.agent = agent;
      this.thread =
          new Thread(
              () -> {
                try {
                  agent.run();
                } catch (RuntimeException | Error e) {
                  failure.set(e);
                }
              },
              "agent");
      thread.start();
    }

    Map<String, RunSnapshot> runs() {
      return agent.runs();
    }

    void awaitEnd() {
      await(() -> "the agent ends", () -> !thread.isAlive());
    }

    void stop() throws IOException {
      if (agents.remove(this)) {
        agent.stop();
        awaitEnd();
        agent.close();
      }
    }
  }
}
