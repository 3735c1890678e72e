package io.fisherwatch.prometheus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import io.fisherwatch.bench.SampleRun;
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
import io.fisherwatch.web.WebServer;
import io.fisherwatch.web.WebSettings;
import io.prometheus.metrics.expositionformats.ExpositionFormatWriter;
import io.prometheus.metrics.expositionformats.OpenMetricsTextFormatWriter;
import io.prometheus.metrics.expositionformats.PrometheusTextFormatWriter;
import io.prometheus.metrics.model.snapshots.CounterSnapshot;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshot;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.Test;

class MetricsTest {

  /** One for all, so that requests follow one another on a connection. */
  private static final HttpClient CLIENT =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

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

  private static String text(FisherCollector collector, boolean openMetrics) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try {
      collector.write(out, openMetrics);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toString(StandardCharsets.UTF_8);
  }

  private static List<String> names(FisherCollector collector) {
    return values(text(collector, false), "").stream().map(Map.Entry::getKey).toList();
  }

  /** Name and value of each series of families whose names begin so. */
  private static List<Map.Entry<String, Double>> values(String text, String beginning) {
    return text.lines()
        .filter(line -> !line.startsWith("#") && line.startsWith(beginning))
        .map(
            line ->
                Map.entry(
                    line.substring(0, line.indexOf('{')),
                    Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1))))
        .toList();
  }

  @Test
  void collect_undefinedFigures_haveNoSeries() {
    assertThat(names(new FisherCollector(board(1), 1000)))
        .contains("fisher_trace", "fisher_bound_gap", "fisher_core_trace", "fisher_examples_total")
        .doesNotContain(
            "fisher_trace_standard_error",
            "fisher_trace_probe_cv",
            "fisher_core_max_probability",
            "fisher_effective_rank");
  }

  @Test
  void collect_beyondTheLimit_dropsLayersAndCounts() {
    FisherCollector collector = new FisherCollector(board(1000), 100);
    assertThat(names(collector)).hasSize(100);
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
        String text = text(collector, false);
        List<Double> traces =
            values(text, "fisher_trace{").stream().map(Map.Entry::getValue).toList();
        double examples = values(text, "fisher_examples_total{").get(0).getValue();
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

  /** Every family, with layers and diagonals: the library writes the same lines of our series. */
  @Test
  void text_ofARun_isAsTheLibraryWouldWriteIt() throws IOException {
    SnapshotBoard board = new SnapshotBoard(10);
    board.published(SampleRun.of(3));
    FisherCollector collector = new FisherCollector(board, 10_000);
    for (ExpositionFormatWriter writer :
        List.of(PrometheusTextFormatWriter.create(), OpenMetricsTextFormatWriter.create())) {
      String ours = text(collector, writer instanceof OpenMetricsTextFormatWriter);
      String theirs = writer.toDebugString(byTheLibrary(text(collector, false)));
      assertThat(ours.lines())
          .hasSizeGreaterThan(200)
          .containsExactlyInAnyOrderElementsOf(
              theirs.lines().filter(line -> !line.equals("# EOF")).toList());
    }
    assertThat(text(collector, true)).contains("# TYPE fisher_examples counter\n# HELP fisher_ex");
    assertThat(text(collector, false)).contains("# HELP fisher_trace ");
  }

  private static final Pattern SERIES = Pattern.compile("(\\w+)\\{(.*)} (\\S+)");
  private static final Pattern LABEL = Pattern.compile("(\\w+)=\"([^\"]*)\"");

  /** Series of ours, whose labels need no escaping, as the library's objects. */
  private static MetricSnapshots byTheLibrary(String text) {
    Map<String, Family> families = new HashMap<>();
    MetricNames.all().forEach(family -> families.put(family.name(), family));
    Map<Family, Map<Labels, Double>> points = new LinkedHashMap<>();
    text.lines()
        .map(SERIES::matcher)
        .filter(Matcher::matches)
        .forEach(
            line -> {
              Labels labels = Labels.EMPTY;
              Matcher label = LABEL.matcher(line.group(2));
              while (label.find()) {
                labels = labels.merge(Labels.of(label.group(1), label.group(2)));
              }
              points
                  .computeIfAbsent(families.get(line.group(1)), any -> new LinkedHashMap<>())
                  .put(labels, Double.parseDouble(line.group(3)));
            });
    MetricSnapshots.Builder all = MetricSnapshots.builder();
    points.forEach(
        (family, series) -> {
          if (family.isCounter()) {
            CounterSnapshot.Builder counter =
                CounterSnapshot.builder().name(family.base()).help(family.help());
            series.forEach(
                (labels, value) ->
                    counter.dataPoint(
                        CounterSnapshot.CounterDataPointSnapshot.builder()
                            .labels(labels)
                            .value(value)
                            .build()));
            all.metricSnapshot(counter.build());
          } else {
            GaugeSnapshot.Builder gauge =
                GaugeSnapshot.builder().name(family.name()).help(family.help());
            series.forEach(
                (labels, value) ->
                    gauge.dataPoint(
                        GaugeSnapshot.GaugeDataPointSnapshot.builder()
                            .labels(labels)
                            .value(value)
                            .build()));
            all.metricSnapshot(gauge.build());
          }
        });
    return all.build();
  }

  @Test
  void help_ofEveryMetric_needsNoEscaping() {
    assertThat(MetricNames.all())
        .extracting(Family::help)
        .noneMatch(help -> help.matches("(?s).*[\\\\\"\n].*"));
  }

  @Test
  void label_ofAnyText_isEscapedAsTheLibraryDoes() throws IOException {
    for (String value : List.of("", "layer.0", "é\"\\\n\\n", "a\nb", "\\", "\"")) {
      String theirs =
          PrometheusTextFormatWriter.create()
              .toDebugString(
                  MetricSnapshots.of(
                      GaugeSnapshot.builder()
                          .name("g")
                          .dataPoint(
                              GaugeSnapshot.GaugeDataPointSnapshot.builder()
                                  .labels(Labels.of("layer", value))
                                  .value(Double.NEGATIVE_INFINITY)
                                  .build())
                          .build()));
      Series series = new Series(1);
      series.add(new Family("g", "h"), Double.NEGATIVE_INFINITY, Series.label("layer", value));
      ByteArrayOutputStream ours = new ByteArrayOutputStream();
      series.write(ours, false);
      assertThat(ours.toString(StandardCharsets.UTF_8).lines().skip(2))
          .containsExactlyElementsOf(theirs.lines().skip(1).toList());
    }
  }

  @Test
  void scrape_asksForAFormat_getsIt() throws Exception {
    SnapshotBoard board = board(3);
    try (AgentMetrics metrics = new AgentMetrics(board, 10_000);
        WebServer server =
            WebServer.start(
                new WebSettings("127.0.0.1", 0),
                board,
                (run, out) -> false,
                metrics.handler(),
                Optional::empty,
                metrics::activity)) {
      int port = server.port();
      HttpResponse<byte[]> plain = get(port, "GET");
      assertThat(plain.headers().firstValue("Content-Type"))
          .hasValue("text/plain; version=0.0.4; charset=utf-8");
      assertThat(new String(plain.body(), StandardCharsets.UTF_8))
          .contains(
              "# TYPE fisher_examples_total counter\nfisher_examples_total{run=\"run\"} 64.0\n")
          .contains("# TYPE jvm_memory_used_bytes gauge\n")
          .doesNotContain("# EOF");
      HttpResponse<byte[]> open =
          get(port, "GET", "Accept", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5");
      assertThat(open.headers().firstValue("Content-Type"))
          .hasValue("application/openmetrics-text; version=1.0.0; charset=utf-8");
      assertThat(new String(open.body(), StandardCharsets.UTF_8))
          .contains("# TYPE fisher_examples counter\n", "fisher_examples_total{run=\"run\"} 64.0\n")
          .containsOnlyOnce("# EOF")
          .endsWith("# EOF\n");
      HttpResponse<byte[]> zipped = get(port, "GET", "Accept-Encoding", "deflate, gzip;q=0.5");
      assertThat(zipped.headers().firstValue("Content-Encoding")).hasValue("gzip");
      assertThat(new GZIPInputStream(new ByteArrayInputStream(zipped.body())).readAllBytes())
          .asString(StandardCharsets.UTF_8)
          .contains("fisher_examples_total{run=\"run\"} 64.0\n");
      HttpResponse<byte[]> refused = get(port, "GET", "Accept-Encoding", "gzip; q=0.0");
      assertThat(refused.headers().firstValue("Content-Encoding")).isEmpty();
      HttpResponse<byte[]> head = get(port, "HEAD");
      assertThat(head.statusCode()).isEqualTo(200);
      assertThat(head.headers().firstValueAsLong("Content-Length").orElse(0))
          .isGreaterThan(head.headers().map().size());
      assertThat(get(port, "GET").statusCode()).as("on the same connection").isEqualTo(200);
    }
  }

  private static HttpResponse<byte[]> get(int port, String method, String... headers)
      throws IOException, InterruptedException {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/metrics"))
            .method(method, HttpRequest.BodyPublishers.noBody());
    if (headers.length > 0) {
      request.headers(headers);
    }
    return CLIENT.send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
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
