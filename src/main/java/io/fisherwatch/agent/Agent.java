package io.fisherwatch.agent;

import io.fisherwatch.djl.TorchRuntime;
import io.fisherwatch.event.CloudEventCodec;
import io.fisherwatch.event.EndedEvent;
import io.fisherwatch.event.EventDecoder;
import io.fisherwatch.event.EventHandler;
import io.fisherwatch.event.EventListener;
import io.fisherwatch.files.FileRoots;
import io.fisherwatch.kafka.GroupWatch;
import io.fisherwatch.kafka.KafkaEventSource;
import io.fisherwatch.prometheus.AgentMetrics;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.snapshot.RunSnapshot;
import io.fisherwatch.snapshot.SnapshotBoard;
import io.fisherwatch.state.StateStore;
import io.fisherwatch.web.Readiness;
import io.fisherwatch.web.WebServer;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The sidecar: events in, figures out. Started once, run on one thread, stopped from any. */
public final class Agent implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Agent.class);

  private static final Duration MOST_FOR_STATE = Duration.ofSeconds(5);

  private final Clock clock = Clock.systemUTC();
  private final ScratchFolder scratch;
  private final TorchRuntime runtime;
  private final SnapshotBoard board;
  private final AgentMetrics metrics;
  private final StateKeeper keeper;
  private final Partitions partitions;
  private final @Nullable Sharding sharding;
  private final EventHandler handler;
  private final KafkaEventSource source;
  private final GroupWatch group;
  private final WebServer web;
  private volatile @Nullable UnusableStateException failure;

  private Agent(AgentConfig config) throws IOException, ModelException {
    scratch = ScratchFolder.create();
    runtime = TorchRuntime.open(config.device(), config.threads());
    board = new SnapshotBoard(config.historyPoints());
    metrics = new AgentMetrics(board, config.maxSeries());
    FileRoots roots = new FileRoots(config.files().roots());
    Workshop workshop =
        new Workshop(
            roots,
            config.files(),
            new GraphCache(scratch.path(), config.files(), roots),
            scratch.path(),
            runtime,
            config.estimate().settings(),
            config.estimate().upkeep(config.state().directory().isPresent()),
            config.estimate().decay(),
            new Residents(config.residentModels()));
    StateStore store =
        config
            .state()
            .directory()
            .map(directory -> new StateStore(directory, config.kafka().groupId()))
            .orElse(null);
    long interval = config.state().interval().toNanos();
    keeper = new StateKeeper(board, interval, System::nanoTime, metrics::snapshotWritten);
    Sharding spread = config.sharding().enabled() ? new Sharding(config, workshop, clock) : null;
    Partitions.Kind kind = spread == null ? name -> new WholeRun(name, workshop, clock) : spread;
    partitions = new Partitions(kind, board, store, keeper, metrics::restore);
    metrics.watch(partitions::stateBytes, partitions::places);
    handler =
        spread == null
            ? new EventDispatcher(
                partitions,
                workshop,
                board,
                config.endedRetention(),
                config.estimate().latestOnly(),
                clock)
            : spread.handler(partitions, board);
    sharding = spread;
    EventDecoder decoder =
        spread == null ? CloudEventCodec::decode : CloudEventCodec::decodeSharded;
    source = new KafkaEventSource(config.kafka(), patience(config.shutdownTimeout()), decoder);
    group = new GroupWatch(config.kafka());
    web =
        WebServer.start(
            config.web(),
            board,
            partitions,
            metrics.handler(),
            readiness(),
            metrics::activity,
            new Ownership(config.kafka(), group, source::memberId, partitions, board));
  }

  /**
   * Starts everything but the stream of events.
   *
   * @throws IOException if the web server cannot listen, or the priority cannot be lowered
   * @throws ModelException {@code bad-device}
   */
  public static Agent start(AgentConfig config) throws IOException, ModelException {
    if (config.estimate().lowPriority()) {
      LowPriority.enter();
    }
    Agent agent = new Agent(config);
    LOG.info(
        "watching topic {} on {}, estimating on {}",
        config.kafka().topic(),
        config.kafka().bootstrapServers(),
        agent.runtime.device());
    return agent;
  }

  /**
   * Handles events until {@link #stop()}.
   *
   * @throws UnusableStateException if a partition's state is there but cannot be used, or the topic
   *     of the checkpoints has lost some
   */
  public void run() {
    Sharding spread = sharding;
    if (spread == null || spread.begin(source::stop)) {
      handleEvents();
    }
    if (spread != null && spread.refusal().isPresent()) {
      throw new UnusableStateException(spread.refusal().get());
    }
  }

  private void handleEvents() {
    source.run(
        handler,
        new EventListener() {
          @Override
          public void ended(EndedEvent event) {
            if (partitions.ended(event)) {
              metrics.eventEnded(event.type().label(), event.outcome().label(), event.seconds());
              metrics.age(1e-3 * (clock.millis() - event.timestampMillis()));
            }
            tick();
          }

          @Override
          public OptionalLong assigned(String topic, int partition, long assignment) {
            try {
              return partitions.assigned(topic, partition, assignment);
            } catch (UnusableStateException e) {
              failure = e;
              source.stop();
              throw e;
            }
          }

          @Override
          public void leaving(String topic, int partition) {
            partitions.leaving(topic, partition);
          }

          @Override
          public void released(String topic, int partition) {
            partitions.released(topic, partition);
          }

          @Override
          public void lost(String topic, int partition) {
            partitions.lost(topic, partition);
          }

          @Override
          public void idle() {
            partitions.idle();
            tick();
          }

          @Override
          public void lag(long records) {
            metrics.lag(records);
          }
        });
    UnusableStateException unusable = failure;
    if (unusable != null) {
      throw unusable;
    }
  }

  private void tick() {
    if (sharding != null) {
      sharding.tick(partitions.owned(), board);
    }
  }

  /** Ends {@link #run()} once the event in hand is done. */
  public void stop() {
    if (sharding != null) {
      sharding.stop();
    }
    source.stop();
  }

  /** The port of page, API and metrics. */
  public int port() {
    return web.port();
  }

  /** Events that have ended, one way or another. */
  public long eventsEnded() {
    return metrics.eventsEnded();
  }

  /** Events that ended in the dead-letter topic. */
  public long deadLettered() {
    return metrics.deadLettered();
  }

  /** The latest figures of every run. */
  public Map<String, RunSnapshot> runs() {
    return board.runs();
  }

  /** What of the time to stop the event in hand may take: the rest is for its state. */
  private static Duration patience(Duration timeout) {
    Duration state = timeout.dividedBy(4);
    return timeout.minus(state.compareTo(MOST_FOR_STATE) < 0 ? state : MOST_FOR_STATE);
  }

  private Readiness readiness() {
    return new Readiness() {
      @Override
      public Optional<String> notReadyReason() {
        Optional<String> reading = Optional.ofNullable(sharding).flatMap(Sharding::notReadyReason);
        return reading.isEmpty() && !source.ready() ? Optional.of(source.status()) : reading;
      }

      @Override
      public Optional<String> warning() {
        return keeper
            .problem()
            .or(source::gap)
            .or(() -> Optional.ofNullable(sharding).flatMap(Sharding::warning));
      }
    };
  }

  /** Lets go of everything; {@link #run()} must have ended. */
  @Override
  public void close() throws IOException {
    web.close();
    group.close();
    partitions.close();
    if (sharding != null) {
      sharding.close();
    }
    metrics.close();
    runtime.close();
    scratch.close();
  }
}
