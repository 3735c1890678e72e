package io.fisherwatch.prometheus;

import com.sun.net.httpserver.HttpHandler;
import io.fisherwatch.snapshot.SnapshotBoard;
import io.micrometer.core.instrument.Clock;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.prometheus.metrics.model.registry.MultiCollector;
import io.prometheus.metrics.model.registry.PrometheusRegistry;

/** What every scrape has: the runs of a board and the process. Others add meters of their own. */
final class Scrape implements AutoCloseable {

  private final PrometheusRegistry registry = new PrometheusRegistry();
  private final FisherCollector runs;
  private final PrometheusMeterRegistry meters =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT, registry, Clock.SYSTEM);

  /**
   * @param maxSeries series of runs in one scrape at most
   */
  Scrape(SnapshotBoard board, int maxSeries) {
    runs = new FisherCollector(board, maxSeries);
    FunctionCounter.builder(MetricNames.SERIES_DROPPED.base(), runs, FisherCollector::dropped)
        .description(MetricNames.SERIES_DROPPED.help())
        .register(meters);
    new JvmMemoryMetrics().bindTo(meters);
    new JvmThreadMetrics().bindTo(meters);
    new ProcessorMetrics().bindTo(meters);
  }

  MeterRegistry meters() {
    return meters;
  }

  /** Adds series that no meter can have. */
  void register(MultiCollector collector) {
    registry.register(collector);
  }

  /** Answers scrapes, as OpenMetrics or as Prometheus text. */
  HttpHandler handler() {
    return new Exposition(runs, registry);
  }

  @Override
  public void close() {
    meters.close();
  }
}
