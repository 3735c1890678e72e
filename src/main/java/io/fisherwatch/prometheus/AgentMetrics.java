package io.fisherwatch.prometheus;

import com.sun.net.httpserver.HttpHandler;
import io.fisherwatch.snapshot.AgentActivity;
import io.fisherwatch.snapshot.OwnedPartition;
import io.fisherwatch.snapshot.SnapshotBoard;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/** The agent's own metrics beside those of its runs, in one registry. Safe for many threads. */
public final class AgentMetrics implements AutoCloseable {

  private static final List<String> TYPES = List.of("checkpoint", "batch", "run-ended", "other");
  private static final List<String> OUTCOMES = List.of("processed", "skipped", "dead_lettered");

  private final Scrape scrape;
  private final MeterRegistry meters;
  private final Map<String, AtomicLong> events = new HashMap<>();
  private final AtomicLong ended = new AtomicLong();
  private final AtomicLong deadLettered = new AtomicLong();
  private final Timer handling;
  private final Timer snapshots;
  private final AtomicLong lag = new AtomicLong();
  private volatile double age = Double.NaN;

  /**
   * @param maxSeries series of runs in one scrape at most
   */
  public AgentMetrics(SnapshotBoard board, int maxSeries) {
    scrape = new Scrape(board, maxSeries);
    meters = scrape.meters();
    for (String type : TYPES) {
      for (String outcome : OUTCOMES) {
        AtomicLong count = new AtomicLong();
        events.put(type + "/" + outcome, count);
        FunctionCounter.builder(MetricNames.EVENTS.base(), count, AtomicLong::doubleValue)
            .description(MetricNames.EVENTS.help())
            .tag("type", type)
            .tag("outcome", outcome)
            .register(meters);
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
    snapshots =
        Timer.builder("fisherwatch_snapshot")
            .description(MetricNames.SNAPSHOT_SECONDS.help())
            .register(meters);
    Gauge.builder(MetricNames.CONSUMER_LAG.name(), lag, AtomicLong::doubleValue)
        .description(MetricNames.CONSUMER_LAG.help())
        .register(meters);
  }

  /**
   * Counts an event.
   *
   * @param type {@code checkpoint}, {@code batch}, {@code run-ended} or {@code other}
   * @param outcome {@code processed}, {@code skipped} or {@code dead_lettered}
   * @throws IllegalArgumentException for any other
   */
  public void eventEnded(String type, String outcome, double seconds) {
    count(type + "/" + outcome).incrementAndGet();
    ended.incrementAndGet();
    if (outcome.equals("dead_lettered")) {
      deadLettered.incrementAndGet();
    }
    handling.record(Duration.ofNanos((long) (seconds * 1e9)));
  }

  /**
   * Counts events of which a partition's state tells, or takes them back when the partition goes.
   *
   * @param counts by {@code type/outcome}
   * @param times 1 or −1
   */
  public void restore(Map<String, Long> counts, int times) {
    counts.forEach((kind, number) -> count(kind).addAndGet(number * times));
  }

  private AtomicLong count(String kind) {
    AtomicLong count = events.get(kind);
    if (count == null) {
      throw new IllegalArgumentException("no events end as " + kind);
    }
    return count;
  }

  /** Notes that a snapshot of the state has been written. */
  public void snapshotWritten(double seconds) {
    snapshots.record(Duration.ofNanos((long) (seconds * 1e9)));
  }

  /**
   * Shows more of the agent.
   *
   * @param stateBytes of the latest snapshots
   * @param partitions that are owned
   */
  public void watch(LongSupplier stateBytes, Supplier<List<OwnedPartition>> partitions) {
    Gauge.builder(MetricNames.STATE_BYTES.name(), stateBytes, LongSupplier::getAsLong)
        .description(MetricNames.STATE_BYTES.help())
        .strongReference(true)
        .register(meters);
    scrape.register(new PartitionCollector(partitions));
  }

  /** How many events have ended in this process, whatever their type and outcome. */
  public long eventsEnded() {
    return ended.get();
  }

  /** How many events ended in the dead-letter topic, in this process. */
  public long deadLettered() {
    return deadLettered.get();
  }

  /** What the agent has done so far. */
  public AgentActivity activity() {
    Map<String, Map<String, Long>> counts = new LinkedHashMap<>();
    for (String type : TYPES) {
      Map<String, Long> outcomes = new LinkedHashMap<>();
      for (String outcome : OUTCOMES) {
        outcomes.put(outcome, count(type + "/" + outcome).get());
      }
      counts.put(type, outcomes);
    }
    OptionalDouble mean =
        handling.count() == 0
            ? OptionalDouble.empty()
            : OptionalDouble.of(handling.mean(TimeUnit.SECONDS));
    return new AgentActivity(counts, mean, lag.get());
  }

  /** Sets how long the latest event had waited when it ended. By the thread that handles events. */
  public void age(double seconds) {
    if (Double.isNaN(age)) {
      age = 0;
      Gauge.builder(MetricNames.EVENT_AGE.name(), this, metrics -> metrics.age)
          .description(MetricNames.EVENT_AGE.help())
          .register(meters);
    }
    age = Math.max(0, seconds);
  }

  /** Sets the number of records that wait. */
  public void lag(long records) {
    lag.set(records);
  }

  /** Answers scrapes, as OpenMetrics or as Prometheus text. */
  public HttpHandler handler() {
    return scrape.handler();
  }

  @Override
  public void close() {
    scrape.close();
  }
}
