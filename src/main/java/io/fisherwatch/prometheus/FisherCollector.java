package io.fisherwatch.prometheus;

import static io.fisherwatch.prometheus.MetricNames.BOUND;
import static io.fisherwatch.prometheus.MetricNames.ESTIMATE;
import static io.fisherwatch.prometheus.MetricNames.LAYER;
import static io.fisherwatch.prometheus.MetricNames.RUN;

import io.fisherwatch.snapshot.Bound;
import io.fisherwatch.snapshot.DiagonalFigure;
import io.fisherwatch.snapshot.Estimate;
import io.fisherwatch.snapshot.Figures;
import io.fisherwatch.snapshot.LayerFigures;
import io.fisherwatch.snapshot.RunSnapshot;
import io.fisherwatch.snapshot.SnapshotBoard;
import io.fisherwatch.snapshot.TraceFigure;
import io.fisherwatch.snapshot.Uncertain;
import io.prometheus.metrics.model.registry.MultiCollector;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The figures of all runs as series, made anew for each scrape from one unchanging view of the
 * board: the series of one scrape belong together. Figures of runs and totals come first, so that a
 * limit cuts off layers only.
 */
public final class FisherCollector implements MultiCollector {

  private final SnapshotBoard board;
  private final int maxSeries;
  private final AtomicLong dropped = new AtomicLong();

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

  @Override
  public MetricSnapshots collect() {
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
    return series.snapshots();
  }

  private static void run(Series series, RunSnapshot run) {
    String name = run.run();
    Figures figures = run.figures();
    series.add(MetricNames.CORE_TRACE, figures.core().trace(), RUN, name);
    series.add(MetricNames.CORE_TOP_EIGENVALUE, figures.core().topEigenvalue(), RUN, name);
    series.add(MetricNames.CORE_MAX_PROBABILITY, figures.core().maxProbability(), RUN, name);
    series.add(MetricNames.CORE_ENTROPY, figures.core().entropy(), RUN, name);
    series.add(MetricNames.CHECKPOINT_STEP, (double) run.step(), RUN, name);
    series.add(MetricNames.CHECKPOINT_TIMESTAMP, run.checkpointTimeSeconds(), RUN, name);
    series.add(MetricNames.ESTIMATE_TIMESTAMP, run.estimateTimeSeconds(), RUN, name);
    series.add(MetricNames.EXAMPLES, (double) figures.examples(), RUN, name);
    series.add(MetricNames.PROBES, (double) figures.probes(), RUN, name);
    series.add(MetricNames.RANK, figures.settings().rank(), RUN, name);
    series.add(MetricNames.MICRO_BATCH, figures.settings().microBatch(), RUN, name);
    series.add(MetricNames.PROBES_PER_BATCH, figures.settings().probes(), RUN, name);
    series.add(MetricNames.EFFECTIVE_BATCHES, run.effectiveBatches(), RUN, name);
    series.add(MetricNames.LAG_STEPS, run.lagSteps(), RUN, name);
    series.add(MetricNames.PATH_INFO, 1, RUN, name, "path", figures.settings().path());
  }

  private static void layer(Series series, String run, LayerFigures layer) {
    String name = layer.layer();
    for (Map.Entry<Estimate, TraceFigure> entry : layer.traces().entrySet()) {
      String[] labels = {RUN, run, LAYER, name, ESTIMATE, entry.getKey().label()};
      TraceFigure figure = entry.getValue();
      series.add(
          MetricNames.TRACE, MetricNames.TRACE_STANDARD_ERROR, Optional.of(figure.trace()), labels);
      series.add(
          MetricNames.PROBE_CV, MetricNames.PROBE_CV_STANDARD_ERROR, figure.probeCv(), labels);
    }
    for (Map.Entry<Bound, Uncertain> gap : layer.gaps().entrySet()) {
      series.add(
          MetricNames.GAP,
          gap.getValue().value(),
          RUN,
          run,
          LAYER,
          name,
          BOUND,
          gap.getKey().label());
    }
    layer.diagonal().ifPresent(figure -> diagonal(series, run, name, figure));
    layer
        .effectiveRank()
        .ifPresent(
            rank -> series.add(MetricNames.EFFECTIVE_RANK, rank.value(), RUN, run, LAYER, name));
    layer
        .topEigenvalue()
        .ifPresent(
            top -> series.add(MetricNames.TOP_EIGENVALUE, top.value(), RUN, run, LAYER, name));
    series.add(MetricNames.PARAMETERS, (double) layer.parameters(), RUN, run, LAYER, name);
    series.add(MetricNames.PARAMETERS_COVERED, (double) layer.covered(), RUN, run, LAYER, name);
    series.add(MetricNames.NONFINITE, (double) layer.nonFinite(), RUN, run, LAYER, name);
  }

  private static void diagonal(Series series, String run, String layer, DiagonalFigure figure) {
    figure
        .quantiles()
        .forEach(
            (q, value) ->
                series.add(MetricNames.QUANTILE, value, RUN, run, LAYER, layer, "q", q.toString()));
    figure
        .density()
        .forEach(
            (bucket, share) ->
                series.add(MetricNames.DENSITY, share, RUN, run, LAYER, layer, "bucket", bucket));
    figure
        .smallShare()
        .forEach(
            (threshold, share) ->
                series.add(
                    MetricNames.SMALL_SHARE,
                    share,
                    RUN,
                    run,
                    LAYER,
                    layer,
                    "threshold",
                    threshold));
    figure
        .undeterminedShare()
        .forEach(
            (threshold, share) ->
                series.add(
                    MetricNames.SMALL_SHARE_UNDETERMINED,
                    share,
                    RUN,
                    run,
                    LAYER,
                    layer,
                    "threshold",
                    threshold));
  }
}
