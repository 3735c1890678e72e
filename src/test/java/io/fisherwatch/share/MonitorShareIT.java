package io.fisherwatch.share;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.datatype.jdk8.Jdk8Module;
import io.fisherwatch.djl.TestDevice;
import io.fisherwatch.djl.TorchRuntime;
import io.fisherwatch.likelihood.Distribution;
import io.fisherwatch.likelihood.Likelihood;
import io.fisherwatch.monitor.Budget;
import io.fisherwatch.monitor.EstimatorKind;
import io.fisherwatch.monitor.EstimatorSettings;
import io.fisherwatch.monitor.FisherMonitor;
import io.fisherwatch.monitor.LayerMap;
import io.fisherwatch.monitor.MonitorShare;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.SafetensorsReader;
import io.fisherwatch.snapshot.Estimate;
import io.fisherwatch.snapshot.Figures;
import io.fisherwatch.snapshot.RunSnapshot;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Parts of one stream, each with a monitor of its own, against one monitor that has seen all of it
 * with the same keys: the weights change, and so the parts are aged differently.
 */
class MonitorShareIT {

  private static final String RUN = "run";
  private static final double DECAY = 0.9;
  private static final int PARTITIONS = 3;

  private static TorchRuntime runtime;

  @TempDir private Path folder;

  @BeforeAll
  static void open() throws ModelException {
    runtime = TorchRuntime.open(TestDevice.NAME, 0);
  }

  @AfterAll
  static void close() {
    runtime.close();
  }

  private Stream stream(String name) throws IOException, ModelException {
    return name.equals("digits")
        ? Stream.digits(runtime, folder)
        : Stream.transformer(runtime, folder);
  }

  private static FisherMonitor monitor(Stream stream, EstimatorKind kind, List<LayerMap.Rule> by) {
    boolean plain = kind == EstimatorKind.HUTCHINSON;
    EstimatorSettings settings =
        new EstimatorSettings(
            kind,
            OptionalInt.of(1),
            OptionalInt.of(2),
            OptionalInt.of(plain ? EstimatorSettings.WHOLE : 1),
            Distribution.RADEMACHER,
            7,
            EnumSet.of(Estimate.FISHER),
            Budget.NONE);
    return new FisherMonitor(
        stream.model(),
        Likelihood.categorical(),
        LayerMap.of(stream.model().parameters(), by),
        settings,
        new FisherMonitor.Upkeep(1, 1000, false),
        () -> 0);
  }

  private static double decayOver(long checkpoints) {
    return Math.pow(DECAY, (double) checkpoints);
  }

  /** One partition's owner. */
  private static final class Owner implements AutoCloseable {
    private final FisherMonitor monitor;
    private final int partition;
    private long ordinal;
    private long epoch;
    private long sequence;
    private long offset;
    private long batchStep;

    Owner(FisherMonitor monitor, int partition) {
      this.monitor = monitor;
      this.partition = partition;
    }

    ShareStamp stamp() {
      return new ShareStamp(
          RUN,
          partition,
          epoch,
          sequence++,
          "agent-" + partition % 2,
          1,
          ordinal,
          10 * ordinal,
          batchStep,
          1000 + ordinal,
          DECAY,
          false,
          Optional.empty());
    }

    @Override
    public void close() {
      monitor.close();
    }
  }

  private static List<Owner> owners(Stream stream, EstimatorKind kind) {
    List<Owner> owners = new ArrayList<>();
    for (int partition = 0; partition < PARTITIONS; partition++) {
      owners.add(new Owner(monitor(stream, kind, List.of()), partition));
    }
    return owners;
  }

  @ParameterizedTest
  @CsvSource({
    "digits, DEFLATED",
    "digits, HUTCHINSON",
    "transformer, DEFLATED",
    "transformer, HUTCHINSON"
  })
  void merge_ofPartsWithCheckpoints_isOneMonitorOfAll(String name, EstimatorKind kind)
      throws IOException, ModelException, ShareException {
    Random random = new Random(5);
    List<ShareRecord> topic = new ArrayList<>();
    RunParts parts = new RunParts(RUN);
    List<Owner> owners = List.of();
    try (Stream stream = stream(name);
        FisherMonitor whole = monitor(stream, kind, List.of())) {
      owners = owners(stream, kind);
      long ordinal = 0;
      stream.weights(0);
      for (int batch = 0; batch < 16; batch++) {
        if (batch % 4 == 3) {
          stream.weights(++ordinal);
          whole.checkpoint(DECAY);
        }
        Owner owner = owners.get(batch < 4 ? 0 : random.nextInt(PARTITIONS));
        if (owner.ordinal < ordinal) {
          owner.monitor.checkpoint(decayOver(ordinal - owner.ordinal));
          owner.ordinal = ordinal;
        }
        owner.batchStep = 10 * ordinal + batch % 4;
        long[] key = {RUN.hashCode(), owner.partition, owner.offset++};
        whole.observe(stream.batch(batch), owner.batchStep, key);
        owner.monitor.observe(stream.batch(batch), owner.batchStep, key);
        owner.epoch += batch % 7 == 6 ? 1 : 0; // taken over, with its state
        for (ShareRecord one : ShareCodec.encode(owner.stamp(), owner.monitor.share())) {
          topic.add(one);
          parts.add(one);
        }
        RunSnapshot merged = parts.merge(12).orElseThrow().snapshot();
        assertSame(merged.figures(), whole.share().figures(), 1e-11, "batch " + batch);
        assertThat(merged.effectiveBatches()).isCloseTo(whole.effectiveBatches(), within(1e-9));
        assertThat(merged.lagSteps())
            .isCloseTo(whole.lagSteps(Math.max(10 * ordinal, merged.batchStep())), within(1e-9));
      }
      MergedRun merged = parts.merge(12).orElseThrow();
      assertThat(merged.parts()).isEqualTo(PARTITIONS);
      assertThat(merged.agents()).isEqualTo(2);
      assertThat(merged.snapshot().figures().total().effectiveRank()).isPresent();
      assertThat(merged.snapshot().figures().total().traces().get(Estimate.FISHER).probeCv())
          .isPresent();
      RunParts again = new RunParts(RUN);
      List<ShareRecord> repeated = new ArrayList<>(topic);
      repeated.addAll(topic); // a topic read twice
      Collections.shuffle(repeated, random);
      for (ShareRecord one : repeated) {
        again.add(one);
      }
      for (ShareRecord one : topic) {
        again.add(one);
      }
      assertThat(again.merge(12)).contains(merged);
    } finally {
      owners.forEach(Owner::close);
    }
  }

  @ParameterizedTest
  @CsvSource({"digits, DEFLATED", "transformer, HUTCHINSON"})
  void observeLate_ofInterleavedShards_isOneMonitorInOrder(String name, EstimatorKind kind)
      throws IOException, ModelException {
    try (Stream stream = stream(name);
        FisherMonitor whole = monitor(stream, kind, List.of());
        FisherMonitor late = monitor(stream, kind, List.of())) {
      for (int batch = 0; batch < 12; batch++) {
        stream.weights(batch / 3);
        whole.observe(stream.batch(batch), batch, 1, batch);
        if (batch % 3 == 2 && batch < 11) {
          whole.checkpoint(DECAY);
        }
      }
      long clock = 0;
      for (int batch : new int[] {0, 4, 1, 9, 2, 3, 10, 5, 11, 6, 7, 8}) {
        long ordinal = batch / 3;
        stream.weights(ordinal);
        if (ordinal > clock) {
          late.checkpoint(decayOver(ordinal - clock));
          clock = ordinal;
        }
        late.observeLate(stream.batch(batch), batch, decayOver(clock - ordinal), 1, batch);
      }
      assertSame(late.share().figures(), whole.share().figures(), 1e-11, "late");
      assertThat(late.effectiveBatches()).isCloseTo(whole.effectiveBatches(), within(1e-9));
      Map<String, HostTensor> expected = diagonal(whole);
      Map<String, HostTensor> found = diagonal(late);
      assertThat(found).containsOnlyKeys(expected.keySet());
      expected.forEach(
          (tensor, values) -> assertClose(tensor, found.get(tensor), values.toDoubles()));
    }
  }

  /** Float32, to its rounding in a dozen updates. */
  private static void assertClose(String name, HostTensor found, double... expected) {
    double[] values = found.toDoubles();
    double largest = 0;
    for (double value : expected) {
      largest = Math.max(largest, value);
    }
    for (int i = 0; i < values.length; i++) {
      assertThat(values[i]).as(name).isCloseTo(expected[i], within(1e-5 * largest));
    }
  }

  private static Map<String, HostTensor> diagonal(FisherMonitor monitor) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    assertThat(monitor.writeDiagonal(out)).isTrue();
    return SafetensorsReader.decode(out.toByteArray(), "diagonal");
  }

  @Test
  void observeLate_ofNothingLeft_countsOnly() throws IOException, ModelException {
    try (Stream stream = stream("digits");
        FisherMonitor monitor = monitor(stream, EstimatorKind.DEFLATED, List.of())) {
      stream.weights(0);
      monitor.observeLate(stream.batch(0), 0, 0, 1);
      assertThat(monitor.share().weight()).isZero();
      assertThat(monitor.share().figures().total().traces()).isEmpty();
      assertThat(monitor.share().figures().examples()).isPositive();
      assertThatIllegalArgumentException()
          .isThrownBy(() -> monitor.observeLate(stream.batch(0), 0, 1.1, 1))
          .withMessageContaining("age 1.1");
    }
  }

  @Test
  void share_throughRecords_isTheSameBitForBit()
      throws IOException, ModelException, ShareException {
    try (Stream stream = stream("transformer");
        FisherMonitor monitor = monitor(stream, EstimatorKind.DEFLATED, List.of());
        Owner owner = new Owner(monitor, 2)) {
      stream.weights(0);
      monitor.observe(stream.batch(0), 0, 1);
      monitor.checkpoint(DECAY);
      monitor.observe(stream.batch(1), 0, 2);
      MonitorShare share = monitor.share();
      Figures figures = share.figures();
      ShareStamp stamp = owner.stamp();
      List<ShareRecord> records = ShareCodec.encode(stamp, share);
      monitor.observe(stream.batch(2), 0, 3);
      assertThat(share.figures()).as("a share does not change").isEqualTo(figures);
      RunParts parts = new RunParts(RUN);
      for (ShareRecord one : records.subList(0, records.size() - 1)) {
        assertThat(parts.add(one)).isFalse();
      }
      assertThat(parts.add(records.get(records.size() - 1))).isTrue();
      Part part = parts.parts().get(0);
      assertThat(part.stamp()).isEqualTo(stamp);
      assertThat(part.share().figures()).isEqualTo(figures);
      assertThat(ShareCodec.encode(stamp, part.share()))
          .usingRecursiveComparison()
          .isEqualTo(records);
    }
  }

  @Test
  void merge_ofOtherLayers_isRefusedByName() throws IOException, ModelException {
    List<LayerMap.Rule> rules =
        List.of(new LayerMap.Rule("all", com.google.re2j.Pattern.compile("weight")));
    try (Stream stream = stream("digits");
        FisherMonitor one = monitor(stream, EstimatorKind.DEFLATED, List.of());
        FisherMonitor other = monitor(stream, EstimatorKind.DEFLATED, rules)) {
      List<MonitorShare> shares = List.of(one.share(), other.share());
      assertThatIllegalArgumentException()
          .isThrownBy(() -> MonitorShare.merge(shares, new double[] {1, 1}))
          .withMessageContaining("of layer all, the model has ");
    }
  }

  /** All numbers of two figures, relative; what is not a number is equal. */
  private static void assertSame(Figures found, Figures expected, double tolerance, String what) {
    ObjectMapper mapper = new ObjectMapper().registerModule(new Jdk8Module());
    assertSame(
        mapper.<JsonNode>valueToTree(found),
        mapper.<JsonNode>valueToTree(expected),
        tolerance,
        what);
  }

  private static void assertSame(JsonNode found, JsonNode expected, double tolerance, String what) {
    if (what.endsWith("/settings/microBatch")) {
      return; // that of the latest batch, whole or not: which one is the latest is the parts' own
    }
    if (expected.isContainerNode()) {
      assertThat(found.size()).as(what).isEqualTo(expected.size());
      expected
          .properties()
          .forEach(
              field ->
                  assertSame(
                      found.path(field.getKey()),
                      field.getValue(),
                      tolerance,
                      what + "/" + field.getKey()));
      for (int i = 0; expected.isArray() && i < expected.size(); i++) {
        assertSame(found.get(i), expected.get(i), tolerance, what + "/" + i);
      }
    } else if (expected.isDouble()) {
      double value = expected.asDouble();
      assertThat(found.asDouble())
          .as(what)
          .isCloseTo(value, within(tolerance * Math.abs(value) + 1e-300));
    } else {
      assertThat(found).as(what).isEqualTo(expected);
    }
  }
}
