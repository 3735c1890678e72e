package io.fisherwatch.prometheus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import io.fisherwatch.prometheus.MetricNames.Family;
import io.fisherwatch.snapshot.Bound;
import io.fisherwatch.snapshot.CoreFigures;
import io.fisherwatch.snapshot.Estimate;
import io.fisherwatch.snapshot.Figures;
import io.fisherwatch.snapshot.LayerFigures;
import io.fisherwatch.snapshot.OwnedPartition;
import io.fisherwatch.snapshot.RunSnapshot;
import io.fisherwatch.snapshot.Settings;
import io.fisherwatch.snapshot.SnapshotBoard;
import io.fisherwatch.snapshot.TraceFigure;
import io.fisherwatch.snapshot.Uncertain;
import io.prometheus.metrics.model.snapshots.CounterSnapshot;
import io.prometheus.metrics.model.snapshots.DataPointSnapshot;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot;
import io.prometheus.metrics.model.snapshots.MetricSnapshot;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class MetricsTest {

  private static final Pattern ROW = Pattern.compile("(?m)^\\| `(fisher[a-z_]+)` \\|");

  private static LayerFigures layer(String name, double trace) {
    return new LayerFigures(
        name,
        10,
        8,
        0,
        Map.of(Estimate.FISHER, new TraceFigure(Uncertain.of(trace, Double.NaN), Optional.empty())),
        Map.of(Bound.UPPER, Uncertain.of(1)),
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        Optional.empty());
  }

  private static SnapshotBoard board(int layers) {
    SnapshotBoard board = new SnapshotBoard(10);
    board.published(snapshot(layers, 2, 64));
    return board;
  }

  private static RunSnapshot snapshot(int layers, double trace, long examples) {
    List<LayerFigures> figures = new ArrayList<>(List.of(layer(LayerFigures.TOTAL, trace)));
    for (int i = 0; i < layers; i++) {
      figures.add(layer("layer" + i, trace));
    }
    return new RunSnapshot(
        "run",
        1,
        5,
        6,
        1.5,
        2.5,
        3,
        1,
        false,
        new Figures(
            examples,
            examples,
            10,
            10,
            2,
            new Settings("deflated", 1, 1, 2, "rademacher", "plain", "", ""),
            new CoreFigures(0.5, 0.2, Double.NaN, 1),
            Map.of(),
            figures));
  }

  private static List<String> names(FisherCollector collector) {
    return collector.collect().stream()
        .map((MetricSnapshot snapshot) -> snapshot.getMetadata().getName())
        .toList();
  }

  @Test
  void collect_undefinedFigures_haveNoSeries() {
    assertThat(names(new FisherCollector(board(1), 1000)))
        .contains("fisher_trace", "fisher_bound_gap", "fisher_core_trace", "fisher_examples")
        .doesNotContain(
            "fisher_trace_standard_error",
            "fisher_trace_probe_cv",
            "fisher_core_max_probability",
            "fisher_effective_rank");
  }

  @Test
  void collect_beyondTheLimit_dropsLayersAndCounts() {
    FisherCollector collector = new FisherCollector(board(1000), 100);
    long series =
        collector.collect().stream().mapToLong(snapshot -> snapshot.getDataPoints().size()).sum();
    assertThat(series).isEqualTo(100);
    assertThat(collector.dropped()).isPositive();
    assertThat(names(collector)).contains("fisher_path_info");
  }

  /**
   * Every snapshot has one number in all its places, so that two of them in a scrape would show.
   */
  @Test
  void collect_1000LayersWhileSnapshotsChange_isOfOneSnapshot() throws Exception {
    SnapshotBoard board = new SnapshotBoard(10);
    board.published(snapshot(1000, 1, 1));
    FisherCollector collector = new FisherCollector(board, 20_000);
    AtomicBoolean done = new AtomicBoolean();
    AtomicLong published = new AtomicLong();
    Thread publisher =
        new Thread(
            () -> {
              for (long k = 2; !done.get(); k++) {
                board.published(snapshot(1000, (double) k, k));
                published.set(k);
              }
            });
    publisher.start();
    try {
      long first = -1;
      long last = -1;
      for (int scrape = 0; scrape < 300; scrape++) {
        List<Double> traces = new ArrayList<>();
        double examples = Double.NaN;
        for (MetricSnapshot family : collector.collect()) {
          if (family.getMetadata().getName().equals("fisher_trace")) {
            for (DataPointSnapshot point : family.getDataPoints()) {
              traces.add(((GaugeSnapshot.GaugeDataPointSnapshot) point).getValue());
            }
          } else if (family.getMetadata().getName().equals("fisher_examples")) {
            examples =
                ((CounterSnapshot.CounterDataPointSnapshot) family.getDataPoints().get(0))
                    .getValue();
          }
        }
        assertThat(traces).hasSize(1001).containsOnly(traces.get(0));
        assertThat(examples).isEqualTo(traces.get(0));
        last = (long) examples;
        first = first < 0 ? last : first;
      }
      assertThat(published.get()).as("snapshots meanwhile").isGreaterThan(10);
      assertThat(last).isNotEqualTo(first);
    } finally {
      done.set(true);
      publisher.join();
    }
  }

  @Test
  void partitions_thatAreOwned_haveASeriesEachWhileTheyAre() throws IOException {
    List<OwnedPartition> owned = new ArrayList<>();
    PartitionCollector collector = new PartitionCollector(() -> owned);
    assertThat(collector.collect()).isEmpty();
    owned.add(new OwnedPartition("events", 4));
    owned.add(new OwnedPartition("events", 11));
    MetricSnapshot family = collector.collect().get(0);
    assertThat(family.getMetadata().getName()).isEqualTo("fisherwatch_partition_owned");
    assertThat(family.getDataPoints())
        .extracting(
            point -> point.getLabels().get("topic"),
            point -> point.getLabels().get("partition"),
            point -> ((GaugeSnapshot.GaugeDataPointSnapshot) point).getValue())
        .containsExactlyInAnyOrder(tuple("events", "4", 1.0), tuple("events", "11", 1.0));
    owned.clear();
    assertThat(collector.collect()).isEmpty();
  }

  @Test
  void documentation_everyMetric_isTheCodes() throws IOException {
    TreeSet<String> documented = new TreeSet<>();
    Matcher row = ROW.matcher(Files.readString(Path.of("docs/metrics.md")));
    while (row.find()) {
      documented.add(row.group(1));
    }
    TreeSet<String> coded = new TreeSet<>();
    MetricNames.all().stream().map(Family::name).forEach(coded::add);
    assertThat(documented).isEqualTo(coded);
  }

  @Test
  void events_ofAnyOutcome_areCounted() {
    try (AgentMetrics metrics = new AgentMetrics(new SnapshotBoard(10), 100)) {
      metrics.eventEnded("batch", "dead_lettered", 0.1);
      metrics.eventEnded("checkpoint", "processed", 0.1);
      assertThat(metrics.eventsEnded()).isEqualTo(2);
      assertThat(metrics.deadLettered()).isEqualTo(1);
    }
  }

  @Test
  void shares_ofAnyOutcome_areCounted() {
    try (MergeMetrics metrics = new MergeMetrics(new SnapshotBoard(10), 100, () -> 2, () -> 7)) {
      metrics.accepted();
      metrics.accepted();
      metrics.malformed();
      assertThat(metrics.activity().events().get("share"))
          .containsEntry("processed", 2L)
          .containsEntry("skipped", 1L);
      assertThat(metrics.activity().lag()).isEqualTo(7);
    }
  }
}
