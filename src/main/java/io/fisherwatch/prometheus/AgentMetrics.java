package io.fisherwatch.prometheus;

import com.sun.net.httpserver.HttpHandler;
import io.fisherwatch.snapshot.AgentActivity;
import io.fisherwatch.snapshot.SnapshotBoard;
import io.micrometer.core.instrument.Clock;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.prometheus.metrics.exporter.httpserver.MetricsHandler;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/** The agent's own metrics beside those of its runs, in one registry. Safe for many threads. */
public final class AgentMetrics implements AutoCloseable {

  private static final List<String> TYPES = List.of("checkpoint", "batch", "run-ended", "other");
  private static final List<String> OUTCOMES = List.of("processed", "skipped", "dead_lettered");

  private final PrometheusRegistry registry = new PrometheusRegistry();
  private final PrometheusMeterRegistry meters =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT, registry, Clock.SYSTEM);
  private final Map<String, Counter> events = new HashMap<>();
  private final Timer handling;
  private final AtomicLong lag = new AtomicLong();

  /**
   * @param maxSeries series of runs in one scrape at most
   */
  public AgentMetrics(SnapshotBoard board, int maxSeries) {
    FisherCollector collector = new FisherCollector(board, maxSeries);
    registry.register(collector);
    for (String type : TYPES) {
      for (String outcome : OUTCOMES) {
        events.put(
            type + "/" + outcome,
            Counter.builder(MetricNames.EVENTS.base())
                .description(MetricNames.EVENTS.help())
                .tag("type", type)
                .tag("outcome", outcome)
                .register(meters));
      }
    }
    handling =
        Timer.builder("fisherwatch_handle")
            .description(MetricNames.HANDLE_SECONDS.help())
            .serviceLevelObjectives(
                Duration.ofMillis(1),
                Duration.ofMillis(5),
                Duration.ofMillis(20),
                Duration.ofMillis(100),
                Duration.ofMillis(500),
                Duration.ofSeconds(2),
                Duration.ofSeconds(10),
                Duration.ofMinutes(1))
            .register(meters);
    Gauge.builder(MetricNames.CONSUMER_LAG.name(), lag, AtomicLong::doubleValue)
        .description(MetricNames.CONSUMER_LAG.help())
        .register(meters);
    FunctionCounter.builder(MetricNames.SERIES_DROPPED.base(), collector, FisherCollector::dropped)
        .description(MetricNames.SERIES_DROPPED.help())
        .register(meters);
    new JvmMemoryMetrics().bindTo(meters);
    new JvmThreadMetrics().bindTo(meters);
    new ProcessorMetrics().bindTo(meters);
  }

  /**
   * Counts an event.
   *
   * @param type {@code checkpoint}, {@code batch}, {@code run-ended} or {@code other}
   * @param outcome {@code processed}, {@code skipped} or {@code dead_lettered}
   * @throws IllegalArgumentException for any other
   */
  public void eventEnded(String type, String outcome, double seconds) {
    Counter counter = events.get(type + "/" + outcome);
    if (counter == null) {
      throw new IllegalArgumentException("no events of type " + type + " end " + outcome);
    }
    counter.increment();
    handling.record(Duration.ofNanos((long) (seconds * 1e9)));
  }

  /** How many events have ended, whatever their type and outcome. */
  public long eventsEnded() {
    return (long) events.values().stream().mapToDouble(Counter::count).sum();
  }

  /** How many events ended in the dead-letter topic. */
  public long deadLettered() {
    return (long)
        TYPES.stream()
            .map(type -> events.get(type + "/dead_lettered"))
            .filter(java.util.Objects::nonNull)
            .mapToDouble(Counter::count)
            .sum();
  }

  /** What the agent has done so far. */
  public AgentActivity activity() {
    Map<String, Map<String, Long>> counts = new LinkedHashMap<>();
    for (String type : TYPES) {
      Map<String, Long> outcomes = new LinkedHashMap<>();
      for (String outcome : OUTCOMES) {
        Counter counter = events.get(type + "/" + outcome);
        outcomes.put(outcome, counter == null ? 0 : (long) counter.count());
      }
      counts.put(type, outcomes);
    }
    OptionalDouble mean =
        handling.count() == 0
            ? OptionalDouble.empty()
            : OptionalDouble.of(handling.mean(TimeUnit.SECONDS));
    return new AgentActivity(counts, mean, lag.get());
  }

  /** Sets the number of records that wait. */
  public void lag(long records) {
    lag.set(records);
  }

  /** Answers scrapes, as OpenMetrics or as Prometheus text. */
  public HttpHandler handler() {
    return new MetricsHandler(registry);
  }

  @Override
  public void close() {
    meters.close();
  }
}
