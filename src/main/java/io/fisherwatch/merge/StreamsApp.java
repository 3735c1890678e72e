package io.fisherwatch.merge;

import io.fisherwatch.kafka.Backoff;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.Metric;
import org.apache.kafka.common.MetricName;
import org.apache.kafka.streams.CloseOptions;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KafkaStreams.State;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;

/** Kafka Streams, set up so that a restart counts nothing twice and a failure ends nothing. */
final class StreamsApp implements AutoCloseable {

  /** After so long without a failure the next one is the first again. */
  private static final long CALM_NANOS = TimeUnit.MINUTES.toNanos(2);

  private final KafkaStreams streams;
  private final String sharesTopic;
  private final Backoff backoff = new Backoff();
  private final CountDownLatch stopping = new CountDownLatch(1);
  private final Duration patience;
  private long lastFailure = System.nanoTime();

  private StreamsApp(KafkaStreams streams, String sharesTopic, Duration patience) {
    this.streams = streams;
    this.sharesTopic = sharesTopic;
    this.patience = patience;
  }

  /**
   * Starts.
   *
   * @param patience for a clean end
   */
  static StreamsApp start(
      MergeConfig config,
      Topology topology,
      StreamsHealth health,
      MergedRuns merged,
      Duration patience) {
    KafkaStreams streams = new KafkaStreams(topology, properties(config));
    StreamsApp app = new StreamsApp(streams, config.merging().sharesTopic(), patience);
    streams.setUncaughtExceptionHandler(
        error -> {
          health.failed(error);
          app.awaitNextTry();
          return StreamThreadExceptionResponse.REPLACE_THREAD;
        });
    streams.setStateListener(
        (next, before) -> {
          health.state(next);
          if (next == State.RUNNING) {
            merged.settled();
          }
        });
    streams.start();
    return app;
  }

  private static Properties properties(MergeConfig config) {
    Properties properties = new Properties();
    if (!"consumer".equalsIgnoreCase(config.kafka().properties().get("group.protocol"))) {
      // a killed merge's tasks are free after 10 s
      properties.put("session.timeout.ms", 10_000);
    }
    properties.put("max.request.size", MergeTopology.LARGEST_RECORD);
    // as often as runs are merged
    properties.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 1_000);
    properties.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
    properties.putAll(config.kafka().clientProperties());
    properties.put(StreamsConfig.APPLICATION_ID_CONFIG, config.merging().applicationId());
    properties.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    properties.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
    // what Kafka 5 does; until then it asks for it at every start
    properties.putIfAbsent("processing.exception.handler.global.enabled", true);
    return properties;
  }

  /** By the thread that failed. */
  private void awaitNextTry() {
    long now = System.nanoTime();
    if (now - lastFailure > CALM_NANOS) {
      backoff.reset();
    }
    lastFailure = now;
    try {
      stopping.await(backoff.advance(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Whether it has ended for good by itself. */
  boolean isDead() {
    State state = streams.state();
    return state == State.ERROR || state == State.NOT_RUNNING;
  }

  /** Records of shares that wait. */
  long lag() {
    double lag = 0;
    for (Map.Entry<MetricName, ? extends Metric> metric : streams.metrics().entrySet()) {
      MetricName name = metric.getKey();
      if (name.name().equals("records-lag")
          && sharesTopic.equals(name.tags().get("topic"))
          && metric.getValue().metricValue() instanceof Double records
          && records > 0) {
        lag += records;
      }
    }
    return (long) lag;
  }

  /** Commits, leaves the group and waits for it, within bounds. */
  @Override
  public void close() {
    stopping.countDown();
    streams.close(
        CloseOptions.groupMembershipOperation(CloseOptions.GroupMembershipOperation.LEAVE_GROUP)
            .withTimeout(patience));
  }
}
