package io.fisherwatch.merge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fisherwatch.demo.EmbeddedBroker;
import io.fisherwatch.monitor.Shares;
import io.fisherwatch.monitor.StateFile;
import io.fisherwatch.share.ShareRecord;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code java -jar fisherwatch.jar merge --config merge.yaml} against a broker. */
class MergeIT {

  private static final AtomicInteger NEXT = new AtomicInteger();

  @TempDir private static Path data;
  private static EmbeddedBroker broker;

  @TempDir private Path folder;
  private String shares;
  private String runs;

  @BeforeAll
  static void startBroker() throws Exception {
    broker = EmbeddedBroker.start(0, data, Map.of("auto.create.topics.enable", "false"));
  }

  @AfterAll
  static void stopBroker() throws Exception {
    broker.close();
  }

  @BeforeEach
  void name() {
    int number = NEXT.incrementAndGet();
    shares = "shares-" + number;
    runs = "runs-" + number;
  }

  private String yaml(String more) {
    return "kafka:\n  bootstrapServers: "
        + broker.bootstrapServers()
        + "\nmerge:\n  applicationId: merge-"
        + shares
        + "\n  sharesTopic: "
        + shares
        + "\n"
        + more;
  }

  private void makeTopic(int partitions) throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
      NewTopic topic = new NewTopic(shares, partitions, (short) 1);
      admin.createTopics(List.of(topic.configs(Map.of("cleanup.policy", "compact")))).all().get();
    }
  }

  private void publish(List<ShareRecord> records) throws Exception {
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", broker.bootstrapServers(), "acks", "all"),
            new ByteArraySerializer(),
            new ByteArraySerializer())) {
      for (ShareRecord shared : records) {
        // all records of a run in one partition
        String run = shared.key().substring(0, Math.max(0, shared.key().indexOf('/')));
        int partition = Math.floorMod(run.hashCode(), 2);
        byte[] key = shared.key().getBytes(StandardCharsets.UTF_8);
        producer.send(new ProducerRecord<>(shares, partition, key, shared.value())).get();
      }
    }
  }

  private void publish(TestShares part, double... traces) throws Exception {
    publish(part.records(Shares.of(traces)));
  }

  /** The latest committed record of each key of the topic of merged runs. */
  private Map<String, JsonNode> published() throws Exception {
    Map<String, JsonNode> latest = new HashMap<>();
    Map<String, Object> properties =
        Map.of("bootstrap.servers", broker.bootstrapServers(), "isolation.level", "read_committed");
    try (KafkaConsumer<String, String> consumer =
        new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer())) {
      List<TopicPartition> partitions =
          consumer.partitionsFor(runs).stream()
              .map(one -> new TopicPartition(runs, one.partition()))
              .toList();
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      while (partitions.stream().anyMatch(one -> consumer.position(one) < ends.get(one))) {
        for (var record : consumer.poll(Duration.ofMillis(200))) {
          latest.put(record.key(), new ObjectMapper().readTree(record.value()));
        }
      }
    }
    return latest;
  }

  /** Waits for a run's committed snapshot of so many examples. */
  private void awaitPublished(String run, int examples) throws Exception {
    for (int i = 0; i < 600; i++) {
      JsonNode latest = published().get(run);
      if (latest != null && latest.path("examples").asInt() == examples) {
        return;
      }
      Thread.sleep(100);
    }
    assertThat(published().get(run).path("examples").asInt()).isEqualTo(examples);
  }

  @Test
  void shares_ofTwoAgents_areOneRunAfterARestartToo() throws Exception {
    makeTopic(2);
    try (MergeProcess merge = new MergeProcess(folder, yaml("  topic: " + runs + "\n"))) {
      merge.start();
      merge.awaitReady();
      publish(TestShares.of("run", 0, "a"), 1, 2, 3);
      publish(TestShares.of("run", 1, "b"), 10);
      publish(TestShares.of("other", 0, "b"), 7);
      publish(List.of(new ShareRecord("no key of ours", new byte[] {1})));
      JsonNode before = merge.awaitTrace("run", 4);
      merge.awaitTrace("other", 7);
      String metrics =
          merge.await("/metrics", answer -> answer.body().contains("outcome=\"malformed\"} 1.0"));
      assertThat(metrics)
          .contains("fisherwatch_merged_agents 2.0")
          .contains("fisher_trace{estimate=\"fisher\",layer=\"_total\",run=\"run\"} 4.0")
          .contains("fisher_examples_total{run=\"run\"} 32.0");

      assertThat(merge.terminate()).isIn(0, 143);
      merge.start();
      assertThat(merge.awaitTrace("run", 4)).isEqualTo(before);
      merge.awaitReady();
      publish(TestShares.of("run", 1, "c").at(2, 0), 14);
      assertThat(merge.awaitTrace("run", 5).path("examples").asInt()).isEqualTo(32);
      assertThat(merge.terminate()).isIn(0, 143);
      assertThat(published().get("run").at("/layers/0/trace/fisher/value").asDouble()).isEqualTo(5);
      assertThat(merge.log()).doesNotContain("rocksdb", "NoClassDefFoundError", " ERROR ");
    }
  }

  @Test
  void merge_killedAgainAndAgain_countsEverythingOnce() throws Exception {
    makeTopic(2);
    try (MergeProcess merge = new MergeProcess(folder, yaml("  topic: " + runs + "\n"))) {
      double[] first = {};
      double[] second = {};
      for (int round = 1; round <= 3; round++) {
        merge.start();
        first = Arrays.copyOf(first, round);
        second = Arrays.copyOf(second, 2 * round);
        first[round - 1] = round;
        second[2 * round - 1] = 10;
        publish(TestShares.of("run", 0, "a").at(1, round), first);
        publish(TestShares.of("run", 1, "b").at(1, round), second);
        publish(TestShares.of("run", 0, "a").at(1, round), first);
        double sum = Arrays.stream(first).sum() + Arrays.stream(second).sum();
        JsonNode run = merge.awaitTrace("run", sum / (3 * round));
        assertThat(run.path("examples").asInt()).isEqualTo(8 * 3 * round);
        merge.kill();
      }
      merge.start();
      merge.awaitTrace("run", 4);
      awaitPublished("run", 72);
    }
  }

  @Test
  void topic_thatIsMissing_isSaidAndWaitedFor() throws Exception {
    try (MergeProcess merge = new MergeProcess(folder, yaml(""))) {
      merge.start();
      String reason =
          merge.await("/readyz", answer -> answer.body().contains("does not exist on Kafka"));
      assertThat(reason).contains(shares, "merge.sharesTopic");
      makeTopic(2);
      publish(TestShares.of("run", 0, "a"), 3);
      merge.awaitReady();
      merge.awaitTrace("run", 3);
    }
  }

  @Test
  void topic_thatIsDeletedMeanwhile_isWaitedForAgain() throws Exception {
    makeTopic(2);
    publish(TestShares.of("run", 0, "a"), 3);
    try (MergeProcess merge = new MergeProcess(folder, yaml(""))) {
      merge.start();
      merge.awaitTrace("run", 3);
      try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
        admin.deleteTopics(List.of(shares)).all().get();
      }
      merge.await("/readyz", answer -> answer.statusCode() == 503);
      makeTopic(2);
      // what is at offsets that were committed in the deleted topic is not read again
      publish(TestShares.of("run", 0, "a").at(1, 1), 5);
      publish(TestShares.of("run", 0, "a").at(1, 2), 6);
      merge.awaitTrace("run", 6);
      merge.awaitReady();
    }
  }

  @Test
  void broker_thatIsAway_isSaid() throws Exception {
    String away = yaml("").replace(broker.bootstrapServers(), "127.0.0.1:1");
    try (MergeProcess merge = new MergeProcess(folder, away)) {
      merge.start();
      merge.await("/readyz", answer -> answer.body().contains("no answer from Kafka at 127.0.0.1"));
      assertThat(merge.terminate()).isIn(0, 143);
    }
  }

  @Test
  void diagonals_ofTheParts_areServedMerged() throws Exception {
    makeTopic(2);
    Path states = Files.createDirectory(folder.resolve("states"));
    String more =
        "  diagonals: "
            + folder.resolve("diagonals")
            + "\n  diagonalInterval: 0.2s\nfiles:\n  roots: ["
            + states
            + "]\n";
    for (int part = 0; part < 2; part++) {
      Path file =
          new StateFile().batches(3, part).write(states.resolve("part-" + part + ".safetensors"));
      publish(
          TestShares.of("run", part, "a").diagonal(file.toUri().toString(), 0), 1 + part, 2 + part);
    }
    try (MergeProcess merge = new MergeProcess(folder, yaml(more))) {
      merge.start();
      merge.await(
          "/api/runs/run/diagonal.safetensors",
          answer ->
              answer.statusCode() == 200
                  && answer.body().contains("fisher/a.weight")
                  && answer.body().contains("standard-error/head"));
      merge.await("/metrics", answer -> answer.body().contains("fisher_diagonal_quantile{layer"));
    }
  }

  @Test
  void rocksdb_isNotOnTheClassPath() throws Exception {
    assertThatThrownBy(() -> Class.forName("org.rocksdb.RocksDB"))
        .isInstanceOf(ClassNotFoundException.class);
    try (Stream<Path> jars = Files.list(Path.of("target/lib"))) {
      assertThat(jars.map(Path::toString))
          .anyMatch(jar -> jar.contains("kafka-streams"))
          .noneMatch(jar -> jar.contains("rocksdb"));
    }
  }
}
