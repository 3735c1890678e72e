package io.fisherwatch.prometheus;

import static io.fisherwatch.prometheus.MetricNames.BOUND;
import static io.fisherwatch.prometheus.MetricNames.ESTIMATE;
import static io.fisherwatch.prometheus.MetricNames.LAYER;
import static io.fisherwatch.prometheus.MetricNames.RUN;
import static io.fisherwatch.prometheus.Series.label;

import io.fisherwatch.snapshot.Bound;
import io.fisherwatch.snapshot.DiagonalFigure;
import io.fisherwatch.snapshot.Estimate;
import io.fisherwatch.snapshot.Figures;
import io.fisherwatch.snapshot.LayerFigures;
import io.fisherwatch.snapshot.RunSnapshot;
import io.fisherwatch.snapshot.SnapshotBoard;
import io.fisherwatch.snapshot.TraceFigure;
import io.fisherwatch.snapshot.Uncertain;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The figures of all runs as series, made anew for each scrape from one unchanging view of the
 * board: the series of one scrape belong together. Figures of runs and totals come first, so that a
 * limit cuts off layers only.
 */
public final class FisherCollector {

  private final SnapshotBoard board;
  private final int maxSeries;
  private final AtomicLong dropped = new AtomicLong();

  /** Where a figure belongs; its labels in alphabetical order, as the library writes them. */
  private record Place(String layer, String run) {

    static Place of(String run, String layer) {
      return new Place(label(LAYER, layer), label(RUN, run));
    }

    String labels() {
      return layer + ',' + run;
    }

    /** With one label more, whose name comes before these. */
    String after(String name, String value) {
      return label(name, value) + ',' + layer + ',' + run;
    }

    /** With one label more, whose name comes between the two. */
    String around(String name, String value) {
      return layer + ',' + label(name, value) + ',' + run;
    }

    /** With one label more, whose name comes after these. */
    String before(String name, String value) {
      return layer + ',' + run + ',' + label(name, value);
    }
  }

  /**
   * @param maxSeries series in one scrape at most
   */
  public FisherCollector(SnapshotBoard board, int maxSeries) {
    this.board = board;
    this.maxSeries = maxSeries;
  }

  /** Series left out of scrapes so far. */
  public long dropped() {
    return dropped.get();
  }

  /**
   * Writes what there is now.
   *
   * @param openMetrics as OpenMetrics, without its end; otherwise as Prometheus text 0.0.4
   */
  public void write(OutputStream out, boolean openMetrics) throws IOException {
    collect().write(out, openMetrics);
  }

  private Series collect() {
    Series series = new Series(maxSeries);
    Map<String, RunSnapshot> runs = board.runs();
    for (RunSnapshot run : runs.values()) {
      run(series, run);
      layer(series, run.run(), run.figures().total());
    }
    for (RunSnapshot run : runs.values()) {
      for (LayerFigures layer : run.figures().layers()) {
        if (!layer.layer().equals(LayerFigures.TOTAL)) {
          layer(series, run.run(), layer);
        }
      }
    }
    dropped.addAndGet(series.dropped());
    return series;
  }

  private static void run(Series series, RunSnapshot run) {
    String name = label(RUN, run.run());
    Figures figures = run.figures();
    series.add(MetricNames.CORE_TRACE, figures.core().trace(), name);
    series.add(MetricNames.CORE_TOP_EIGENVALUE, figures.core().topEigenvalue(), name);
    series.add(MetricNames.CORE_MAX_PROBABILITY, figures.core().maxProbability(), name);
    series.add(MetricNames.CORE_ENTROPY, figures.core().entropy(), name);
    series.add(MetricNames.CHECKPOINT_STEP, (double) run.step(), name);
    series.add(MetricNames.CHECKPOINT_TIMESTAMP, run.checkpointTimeSeconds(), name);
    series.add(MetricNames.ESTIMATE_TIMESTAMP, run.estimateTimeSeconds(), name);
    series.add(MetricNames.EXAMPLES, (double) figures.examples(), name);
    series.add(MetricNames.PROBES, (double) figures.probes(), name);
    series.add(MetricNames.RANK, figures.settings().rank(), name);
    series.add(MetricNames.MICRO_BATCH, figures.settings().microBatch(), name);
    series.add(MetricNames.PROBES_PER_BATCH, figures.settings().probes(), name);
    series.add(MetricNames.EFFECTIVE_BATCHES, run.effectiveBatches(), name);
    series.add(MetricNames.LAG_STEPS, run.lagSteps(), name);
    String path = label("path", figures.settings().path());
    series.add(MetricNames.PATH_INFO, 1, path + ',' + name);
  }

  private static void layer(Series series, String run, LayerFigures layer) {
    Place place = Place.of(run, layer.layer());
    for (Map.Entry<Estimate, TraceFigure> entry : layer.traces().entrySet()) {
      String labels = place.after(ESTIMATE, entry.getKey().label());
      TraceFigure figure = entry.getValue();
      series.add(
          MetricNames.TRACE, MetricNames.TRACE_STANDARD_ERROR, Optional.of(figure.trace()), labels);
      series.add(
          MetricNames.PROBE_CV, MetricNames.PROBE_CV_STANDARD_ERROR, figure.probeCv(), labels);
    }
    for (Map.Entry<Bound, Uncertain> gap : layer.gaps().entrySet()) {
      series.add(MetricNames.GAP, gap.getValue().value(), place.after(BOUND, gap.getKey().label()));
    }
    layer.diagonal().ifPresent(figure -> diagonal(series, place, figure));
    String labels = place.labels();
    layer
        .effectiveRank()
        .ifPresent(rank -> series.add(MetricNames.EFFECTIVE_RANK, rank.value(), labels));
    layer
        .topEigenvalue()
        .ifPresent(top -> series.add(MetricNames.TOP_EIGENVALUE, top.value(), labels));
    series.add(MetricNames.PARAMETERS, (double) layer.parameters(), labels);
    series.add(MetricNames.PARAMETERS_COVERED, (double) layer.covered(), labels);
    series.add(MetricNames.NONFINITE, (double) layer.nonFinite(), labels);
  }

  private static void diagonal(Series series, Place place, DiagonalFigure figure) {
    figure
        .quantiles()
        .forEach(
            (q, value) -> series.add(MetricNames.QUANTILE, value, place.around("q", q.toString())));
    figure
        .density()
        .forEach(
            (bucket, share) ->
                series.add(MetricNames.DENSITY, share, place.after("bucket", bucket)));
    figure
        .smallShare()
        .forEach(
            (threshold, share) ->
                series.add(MetricNames.SMALL_SHARE, share, place.before("threshold", threshold)));
    figure
        .undeterminedShare()
        .forEach(
            (threshold, share) ->
                series.add(
                    MetricNames.SMALL_SHARE_UNDETERMINED,
                    share,
                    place.before("threshold", threshold)));
  }
}
