package io.fisherwatch.merge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fisherwatch.monitor.Shares;
import io.fisherwatch.prometheus.MergeMetrics;
import io.fisherwatch.share.ShareRecord;
import io.fisherwatch.snapshot.Estimate;
import io.fisherwatch.snapshot.Figures;
import io.fisherwatch.snapshot.RunSnapshot;
import io.fisherwatch.snapshot.SnapshotBoard;
import io.fisherwatch.snapshot.Uncertain;
import io.fisherwatch.web.FiguresJson;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.TestInputTopic;
import org.apache.kafka.streams.TestOutputTopic;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.ValueAndTimestamp;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Every test reads figures off the board, as the page does. */
class MergeTopologyTest {

  private static final Instant START = Instant.parse("2026-11-28T00:00:00Z");
  private static final MergeConfig.Merging CONFIG =
      new MergeConfig.Merging(
          "merge-test",
          "shares",
          Optional.of("runs"),
          Optional.empty(),
          Duration.ofMinutes(1),
          Duration.ofHours(1));

  private SnapshotBoard board;
  private MergedRuns merged;
  private MergeMetrics metrics;
  private ShareFaults faults;
  private TopologyTestDriver driver;
  private TestInputTopic<byte[], byte[]> shares;
  private TestOutputTopic<String, byte[]> runs;
  private TestOutputTopic<String, byte[]> back;

  @BeforeEach
  void start() {
    board = new SnapshotBoard(100);
    merged = new MergedRuns(board);
    metrics = new MergeMetrics(board, 1000, merged::agents, () -> 0);
    faults = new ShareFaults();
    Properties properties = new Properties();
    properties.put("application.id", "merge-test");
    properties.put("bootstrap.servers", "nowhere:1");
    driver =
        new TopologyTestDriver(
            MergeTopology.of(CONFIG, merged, metrics, faults), properties, START);
    shares =
        driver.createInputTopic(
            "shares",
            new ByteArraySerializer(),
            new ByteArraySerializer(),
            START,
            Duration.ofMillis(1));
    runs = driver.createOutputTopic("runs", new StringDeserializer(), new ByteArrayDeserializer());
    back =
        driver.createOutputTopic("shares", new StringDeserializer(), new ByteArrayDeserializer());
  }

  @AfterEach
  void stop() {
    driver.close();
    metrics.close();
  }

  private void send(List<ShareRecord> records) {
    records.forEach(
        shared -> shares.pipeInput(shared.key().getBytes(StandardCharsets.UTF_8), shared.value()));
  }

  private void publish(TestShares part, double... traces) {
    send(part.records(Shares.of(traces)));
  }

  private void aSecondLater() {
    driver.advanceWallClockTime(Duration.ofSeconds(1));
  }

  private Optional<RunSnapshot> run(String name) {
    aSecondLater();
    return board.run(name);
  }

  private double trace(String name) {
    return trace(run(name).orElseThrow());
  }

  private static double trace(RunSnapshot snapshot) {
    return snapshot.figures().total().traces().get(Estimate.FISHER).trace().value();
  }

  private static RunSnapshot shown(SnapshotBoard shown) {
    return shown.run("run").orElseThrow();
  }

  /** What a store holds when its changelog has been read, taken up by a new process. */
  private ProcessorWithStore restarted() {
    Map<String, ValueAndTimestamp<byte[]>> content = new LinkedHashMap<>();
    try (KeyValueIterator<String, ValueAndTimestamp<byte[]>> all = store().all()) {
      all.forEachRemaining(entry -> content.put(entry.key, entry.value));
    }
    return ProcessorWithStore.holding(content, CONFIG);
  }

  private KeyValueStore<String, ValueAndTimestamp<byte[]>> store() {
    return driver.getTimestampedKeyValueStore(MergeTopology.STORE);
  }

  private static List<String> keys(TestOutputTopic<String, byte[]> topic) {
    return topic.readKeyValuesToList().stream().map(record -> record.key).toList();
  }

  @Test
  void parts_ofTwoAgents_areOneRun() throws Exception {
    publish(TestShares.of("run", 0, "a"), 1, 2, 3);
    publish(TestShares.of("run", 1, "b"), 10);
    RunSnapshot snapshot = run("run").orElseThrow();
    Figures alone = Shares.of(1, 2, 3, 10).figures();
    assertThat(snapshot.figures().examples()).isEqualTo(alone.examples());
    Uncertain expected = alone.total().traces().get(Estimate.FISHER).trace();
    Uncertain figure = snapshot.figures().total().traces().get(Estimate.FISHER).trace();
    assertThat(figure.value()).isCloseTo(expected.value(), within(1e-12));
    assertThat(figure.standardError().orElseThrow())
        .isCloseTo(expected.standardError().orElseThrow(), within(1e-12));
    assertThat(snapshot.effectiveBatches()).isCloseTo(4, within(1e-12));
    assertThat(merged.agents()).isEqualTo(2);
    assertThat(metrics.activity().events().get("share").get("processed")).isEqualTo(8);
  }

  @Test
  void snapshot_ofARun_isPublishedAsTheApiTellsIt() throws Exception {
    publish(TestShares.of("run", 0, "a"), 1, 3);
    aSecondLater();
    KeyValue<String, byte[]> record = runs.readKeyValue();
    assertThat(record.key).isEqualTo("run");
    JsonNode json = new ObjectMapper().readTree(record.value);
    assertThat(json)
        .isEqualTo(new ObjectMapper().readTree(FiguresJson.of(shown(board)).toString()));
    assertThat(json.at("/layers/0/trace/fisher/value").asDouble()).isEqualTo(2);
    aSecondLater();
    assertThat(runs.isEmpty()).as("nothing new, nothing said").isTrue();
  }

  @Test
  void share_repeated_countsOnce() {
    TestShares part = TestShares.of("run", 0, "a");
    publish(part, 1, 2);
    publish(part, 1, 2);
    publish(TestShares.of("run", 1, "b"), 3);
    publish(part, 1, 2);
    assertThat(trace("run")).isEqualTo(2);
    assertThat(shown(board).figures().examples()).isEqualTo(24);
  }

  @Test
  void share_ofAnOldEpochOrSequence_changesNothing() {
    TestShares part = TestShares.of("run", 0, "a");
    publish(part.at(2, 1), 5);
    publish(part.at(1, 99), 7, 8, 9);
    publish(part.at(2, 0), 6);
    assertThat(trace("run")).isEqualTo(5);
    publish(part.at(3, 0), 4);
    assertThat(trace("run")).isEqualTo(4);
  }

  @Test
  void publication_thatIsNotComplete_leavesTheOneBefore() {
    TestShares part = TestShares.of("run", 0, "a");
    publish(part.at(1, 1), 5);
    List<ShareRecord> next = part.at(1, 2).records(Shares.of(5, 7));
    send(next.subList(0, next.size() - 1));
    assertThat(trace("run")).isEqualTo(5);
    send(next.subList(next.size() - 1, next.size()));
    assertThat(trace("run")).isEqualTo(6);
  }

  @Test
  void restart_withARestoredStore_showsTheFiguresAtOnce() {
    publish(TestShares.of("run", 0, "a"), 1, 2, 3);
    publish(TestShares.of("run", 1, "b"), 10);
    publish(TestShares.of("other", 0, "a"), 7);
    RunSnapshot before = run("run").orElseThrow();
    try (ProcessorWithStore again = restarted()) {
      assertThat(again.board().runs().keySet()).containsExactly("other", "run");
      assertThat(shown(again.board())).isEqualTo(before);
      again.send(TestShares.of("run", 1, "c").at(2, 0).records(Shares.of(14)));
      again.punctuate();
      assertThat(trace(shown(again.board()))).isEqualTo(5);
    }
  }

  /** The offsets and the store are committed together, whatever has been read of a publication. */
  @Test
  void restart_amidAPublication_keepsTheOneBeforeAndTakesUpTheRest() {
    TestShares part = TestShares.of("run", 0, "a");
    publish(part.at(1, 1), 4);
    publish(part.at(1, 2), 5);
    List<ShareRecord> next = part.at(1, 3).records(Shares.of(5, 7));
    for (int read = 1; read < next.size(); read++) {
      send(next.subList(read - 1, read));
      try (ProcessorWithStore again = restarted()) {
        assertThat(trace(shown(again.board()))).as("after %d records", read).isEqualTo(5);
        again.send(next.subList(read, next.size()));
        again.punctuate();
        assertThat(trace(shown(again.board()))).as("after %d records", read).isEqualTo(6);
      }
    }
  }

  /** A replaced owner's late record must not spoil the place of its successor's. */
  @Test
  void restart_afterALateRecordOfAReplacedOwner_takesUpTheSuccessors() {
    TestShares part = TestShares.of("run", 0, "a");
    publish(part.at(1, 1), 4);
    List<ShareRecord> successor = part.at(2, 0).records(Shares.of(6));
    List<ShareRecord> late = part.at(1, 2).records(Shares.of(9));
    send(successor.subList(0, 2));
    send(late.subList(0, 1));
    try (ProcessorWithStore again = restarted()) {
      again.send(successor.subList(2, successor.size()));
      again.punctuate();
      assertThat(trace(shown(again.board()))).isEqualTo(6);
    }
  }

  @Test
  void record_thatIsMalformed_isCountedAndSkipped() {
    List<ShareRecord> good = TestShares.of("run", 0, "a").records(Shares.of(3));
    byte[] value = good.get(0).value();
    shares.pipeInput((byte[]) null, value);
    for (String key : List.of("", "run", "run/x/_total", "run/0/_total/more", "run/1/\u0000")) {
      shares.pipeInput(key.getBytes(StandardCharsets.UTF_8), new byte[] {1, 2, 3});
    }
    shares.pipeInput("other/0/".getBytes(StandardCharsets.UTF_8), good.get(3).value());
    send(good);
    assertThat(trace("run")).isEqualTo(3);
    assertThat(board.runs()).containsOnlyKeys("run");
    assertThat(metrics.activity().events().get("share"))
        .containsEntry("skipped", 7L)
        .containsEntry("processed", 4L);
  }

  @Test
  void parts_ofDifferentLayers_leaveTheFiguresAsTheyWere() {
    publish(TestShares.of("run", 0, "a"), 3);
    assertThat(trace("run")).isEqualTo(3);
    send(TestShares.of("run", 1, "b").records(Shares.of(List.of("trunk", "head"), 5)));
    assertThat(trace("run")).isEqualTo(3);
    assertThat(faults.warning().orElseThrow()).contains("run run", "trunk");
    publish(TestShares.of("run", 1, "b").at(1, 1), 5);
    assertThat(trace("run")).isEqualTo(4);
    assertThat(faults.warning()).isEmpty();
  }

  @Test
  void run_thatEndedLongAgo_goesEverywhere() {
    publish(TestShares.of("run", 0, "a").ended(), 3);
    publish(TestShares.of("other", 0, "a"), 3);
    driver.advanceWallClockTime(Duration.ofMinutes(59));
    assertThat(run("run").orElseThrow().ended()).isTrue();
    assertThat(keys(runs)).contains("run", "other");
    driver.advanceWallClockTime(Duration.ofMinutes(2));
    assertThat(board.runs()).containsOnlyKeys("other");
    assertThat(merged.agents()).isEqualTo(1);
    assertThat(keys(back))
        .containsExactlyInAnyOrder("run/0/", "run/0/_total", "run/0/body", "run/0/head");
    List<KeyValue<String, byte[]>> last = runs.readKeyValuesToList();
    assertThat(last)
        .singleElement()
        .matches(record -> record.key.equals("run") && record.value == null);
    try (ProcessorWithStore again = restarted()) {
      assertThat(again.board().runs()).containsOnlyKeys("other");
    }
  }

  @Test
  void tombstone_ofSomebodyElse_removesThePart() {
    publish(TestShares.of("run", 0, "a"), 3);
    publish(TestShares.of("run", 1, "b"), 5);
    assertThat(trace("run")).isEqualTo(4);
    shares.pipeInput("run/1/".getBytes(StandardCharsets.UTF_8), (byte[]) null);
    assertThat(trace("run")).isEqualTo(3);
    shares.pipeInput("run/0/".getBytes(StandardCharsets.UTF_8), (byte[]) null);
    assertThat(run("run")).isEmpty();
  }
}
