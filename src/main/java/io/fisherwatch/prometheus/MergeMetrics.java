package io.fisherwatch.prometheus;

import com.sun.net.httpserver.HttpHandler;
import io.fisherwatch.snapshot.AgentActivity;
import io.fisherwatch.snapshot.SnapshotBoard;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;

/** The metrics of the merge beside those of its runs, in one registry. Safe for many threads. */
public final class MergeMetrics implements AutoCloseable {

  private final Scrape scrape;
  private final AtomicLong accepted = new AtomicLong();
  private final AtomicLong malformed = new AtomicLong();
  private final LongSupplier lag;

  /**
   * @param maxSeries series of runs in one scrape at most
   * @param agents whose parts are in the runs merged now
   * @param lag records that wait
   */
  public MergeMetrics(SnapshotBoard board, int maxSeries, LongSupplier agents, LongSupplier lag) {
    this.scrape = new Scrape(board, maxSeries);
    this.lag = lag;
    MeterRegistry meters = scrape.meters();
    Gauge.builder(MetricNames.MERGED_AGENTS.name(), agents, LongSupplier::getAsLong)
        .description(MetricNames.MERGED_AGENTS.help())
        .strongReference(true)
        .register(meters);
    Gauge.builder(MetricNames.CONSUMER_LAG.name(), lag, LongSupplier::getAsLong)
        .description(MetricNames.CONSUMER_LAG.help())
        .strongReference(true)
        .register(meters);
    count(meters, "accepted", accepted);
    count(meters, "malformed", malformed);
  }

  private static void count(MeterRegistry meters, String outcome, AtomicLong count) {
    FunctionCounter.builder(MetricNames.SHARES.base(), count, AtomicLong::doubleValue)
        .description(MetricNames.SHARES.help())
        .tag("outcome", outcome)
        .register(meters);
  }

  /** A record of a share has been taken in. */
  public void accepted() {
    accepted.incrementAndGet();
  }

  /** A record of a share has been skipped, since nothing can be made of it. */
  public void malformed() {
    malformed.incrementAndGet();
  }

  /** What the merge has done so far. */
  public AgentActivity activity() {
    Map<String, Long> shares =
        Map.of("processed", accepted.get(), "skipped", malformed.get(), "dead_lettered", 0L);
    return new AgentActivity(Map.of("share", shares), OptionalDouble.empty(), lag.getAsLong());
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
