package io.fisherwatch.merge;

import io.fisherwatch.files.FileRoots;
import io.fisherwatch.kafka.TopicCheck;
import io.fisherwatch.monitor.DiagonalMerge;
import io.fisherwatch.prometheus.MergeMetrics;
import io.fisherwatch.snapshot.DiagonalSource;
import io.fisherwatch.snapshot.RunSnapshot;
import io.fisherwatch.snapshot.SnapshotBoard;
import io.fisherwatch.web.Readiness;
import io.fisherwatch.web.WebServer;
import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.streams.errors.StreamsException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The merge: shares in, figures of whole runs out. Started once, run on one thread, stopped from
 * any. Missing topics and brokers are waited for.
 */
public final class Merge implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Merge.class);
  private static final long LOOK_SECONDS = 2;

  private final MergeConfig config;
  private final SnapshotBoard board;
  private final MergedRuns merged;
  private final ShareFaults faults = new ShareFaults();
  private final StreamsHealth health = new StreamsHealth();
  private final MergeMetrics metrics;
  private final Optional<Diagonals> diagonals;
  private final WebServer web;
  private final CountDownLatch stopped = new CountDownLatch(1);
  private volatile @Nullable StreamsApp app;

  private Merge(MergeConfig config) throws IOException {
    this.config = config;
    board = new SnapshotBoard(config.historyPoints());
    merged = new MergedRuns(board);
    metrics = new MergeMetrics(board, config.maxSeries(), merged::agents, this::lag);
    FileRoots roots = new FileRoots(config.roots());
    if (config.merging().diagonals().isPresent()) {
      diagonals =
          Optional.of(
              Diagonals.in(
                  config.merging().diagonals().get(), roots, merged, DiagonalMerge.CHUNK_ENTRIES));
      diagonals.get().every(config.merging().diagonalInterval().toMillis());
    } else {
      diagonals = Optional.empty();
    }
    DiagonalSource source =
        (run, out) -> diagonals.isPresent() && diagonals.get().writeTo(run, out);
    web =
        WebServer.start(
            config.web(), board, source, metrics.handler(), readiness(), metrics::activity);
  }

  /**
   * Starts everything but the reading of shares.
   *
   * @throws IOException if the web server cannot listen, or the folder of diagonals cannot be made
   */
  public static Merge start(MergeConfig config) throws IOException {
    Merge merge = new Merge(config);
    LOG.info(
        "merging the shares in {} on {}",
        config.merging().sharesTopic(),
        config.kafka().bootstrapServers());
    return merge;
  }

  /** Reads and merges shares until {@link #stop()}. */
  public void run() throws InterruptedException {
    Duration patience = config.shutdownTimeout().multipliedBy(3).dividedBy(4);
    try (TopicCheck topics = new TopicCheck(config.kafka())) {
      do {
        Optional<String> problem = problem(topics);
        health.topics(problem);
        StreamsApp current = app;
        if (current != null && current.isDead()) {
          current.close();
          app = null;
        } else if (current == null && problem.isEmpty()) {
          app = start(patience);
        }
      } while (!stopped.await(LOOK_SECONDS, TimeUnit.SECONDS));
    } finally {
      health.stopping();
      StreamsApp current = app;
      if (current != null) {
        current.close();
      }
    }
  }

  /** What is wrong with the topics, the merged runs' being made if it is missing. */
  private Optional<String> problem(TopicCheck topics) throws InterruptedException {
    Optional<String> shares =
        topics.problem(
            config.merging().sharesTopic(),
            "the first agent with sharding.enabled makes it; or correct merge.sharesTopic");
    if (shares.isPresent() || config.merging().topic().isEmpty()) {
      return shares;
    }
    String topic = config.merging().topic().get();
    return topics.problem(topic, "create it").isEmpty()
        ? Optional.empty()
        : topics.makeCompacted(topic);
  }

  private @Nullable StreamsApp start(Duration patience) {
    try {
      return StreamsApp.start(
          config,
          MergeTopology.of(config.merging(), merged, metrics, faults),
          health,
          merged,
          patience);
    } catch (StreamsException e) {
      health.failed(e);
    } catch (KafkaException e) {
      health.topics(Optional.of("Kafka's clients cannot be made: " + e.getMessage()));
    }
    return null;
  }

  private long lag() {
    StreamsApp current = app;
    return current == null ? 0 : current.lag();
  }

  private Readiness readiness() {
    return new Readiness() {
      @Override
      public Optional<String> notReadyReason() {
        return health.notReadyReason();
      }

      @Override
      public Optional<String> warning() {
        return faults.warning().or(() -> diagonals.flatMap(Diagonals::warning));
      }
    };
  }

  /** Ends {@link #run()}. */
  public void stop() {
    stopped.countDown();
  }

  /** The port of page, API and metrics. */
  public int port() {
    return web.port();
  }

  /** The latest figures of every run. */
  public Map<String, RunSnapshot> runs() {
    return board.runs();
  }

  /** Lets go of everything; {@link #run()} must have ended. */
  @Override
  public void close() {
    web.close();
    diagonals.ifPresent(Diagonals::close);
    metrics.close();
  }
}
