package io.fisherwatch.agent;

import io.fisherwatch.event.CheckpointEvent;
import io.fisherwatch.event.CloudEventCodec;
import io.fisherwatch.event.EventHandler;
import io.fisherwatch.event.EventMessage;
import io.fisherwatch.event.RejectedEventException;
import io.fisherwatch.event.RunEndedEvent;
import io.fisherwatch.event.TrainingEvent;
import io.fisherwatch.kafka.CompactedTopic;
import io.fisherwatch.kafka.WholeTopic;
import io.fisherwatch.snapshot.SnapshotBoard;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Clock;
import java.time.Duration;
import java.util.Collection;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The mode in which a run is spread over many agents: reads all checkpoints, hands each batch to
 * its partition's part, and publishes what the parts come to.
 */
final class Sharding implements Partitions.Kind, AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Sharding.class);
  private static final Duration REFRESH = Duration.ofSeconds(5);

  private final AgentConfig config;
  private final Workshop workshop;
  private final Clock clock;
  private final CheckpointBook book = new CheckpointBook();
  private final CompactedTopic shares;
  private final PartPublisher publisher;
  private final CompletableFuture<Void> stopped = new CompletableFuture<>();
  private final Set<String> logged = new HashSet<>();
  private volatile @Nullable WholeTopic checkpoints;
  private volatile boolean caughtUp;
  private volatile @Nullable String refusal;

  Sharding(AgentConfig config, Workshop workshop, Clock clock) {
    this.config = config;
    this.workshop = workshop;
    this.clock = clock;
    this.shares = CompactedTopic.open(config.kafka(), config.sharding().sharesTopic());
    this.publisher =
        new PartPublisher(
            shares, agentName(), config.sharding().publishInterval().toNanos(), System::nanoTime);
  }

  /** A name that no other agent has, nor this one after a restart. */
  private static String agentName() {
    String host;
    try {
      host = InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException e) {
      LOG.debug("this machine has no name: {}", e.toString());
      host = "agent";
    }
    return host + "-" + UUID.randomUUID().toString().substring(0, 8);
  }

  /** What handles the events of partitions. */
  EventHandler handler(Partitions partitions, SnapshotBoard board) {
    CheckpointDesk desk =
        new CheckpointDesk(book, this::refresh, config.sharding().patience(), System::nanoTime);
    return new ShardedDispatcher(
        partitions,
        book,
        desk,
        workshop,
        board,
        config.endedRetention(),
        config.estimate().latestOnly(),
        clock);
  }

  private void refresh() throws InterruptedException {
    WholeTopic reading = checkpoints;
    if (reading != null && !reading.refresh(REFRESH)) {
      LOG.debug("whether the book is complete could not be told: {}", reading.status());
    }
  }

  /**
   * Reads the checkpoints there are, however long the broker is away.
   *
   * @param onRefusal is run if they cannot be read as a whole, be it later
   * @return false if that is so, or {@link #stop} was called meanwhile
   */
  boolean begin(Runnable onRefusal) {
    WholeTopic reading =
        WholeTopic.open(
            config.kafka(),
            config.sharding().checkpointsTopic(),
            new WholeTopic.Receiver() {
              @Override
              public void received(EventMessage message, String place) {
                take(message, place);
              }

              @Override
              public void refused(String reason) {
                refusal = reason;
                onRefusal.run();
              }
            });
    checkpoints = reading;
    try {
      CompletableFuture.anyOf(reading.caughtUp(), stopped).get();
      caughtUp = !stopped.isDone();
      return caughtUp;
    } catch (ExecutionException e) {
      refusal = String.valueOf(e.getCause() == null ? e.getMessage() : e.getCause().getMessage());
      return false;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private void take(EventMessage message, String place) {
    try {
      TrainingEvent event = CloudEventCodec.decode(message);
      if (event instanceof CheckpointEvent || event instanceof RunEndedEvent) {
        book.take(event);
      } else {
        ignore(place, "wrong-topic", "this topic takes checkpoints and ends of runs only");
      }
    } catch (RejectedEventException e) {
      ignore(place, e.code(), String.valueOf(e.getMessage()));
    } catch (RuntimeException e) { // one record must not end the reading of all others
      ignore(place, "internal-error", e.toString());
    }
  }

  /** Every agent sees it, so that none writes it to the dead letters. */
  private void ignore(String place, String code, String why) {
    if (logged.add(code)) {
      LOG.warn("{} is ignored: {}: {} (further ones are not logged)", place, code, why);
    }
  }

  @Override
  public RunWatch restored(String name) {
    return PartName.parse(name)
        .map(part -> new PartWatch(part, workshop, clock))
        .orElseThrow(
            () ->
                new UnusableStateException(
                    "the state holds run '"
                        + name
                        + "' as a whole, from before sharding was enabled: give sharding another"
                        + " state.directory or kafka.groupId"));
  }

  @Override
  public void taken(PartitionWatch partition) {
    // or the merge would take runs up again that it has let go
    partition.forgetEnded(clock.instant().minus(config.endedRetention()), any -> {});
    publisher.publishNow(partition);
  }

  @Override
  public void leaving(PartitionWatch partition) {
    publisher.publishNow(partition);
  }

  /** Ends parts whose runs have ended, and publishes what is due. Between two events. */
  void tick(Collection<PartitionWatch> partitions, SnapshotBoard board) {
    for (PartitionWatch partition : partitions) {
      for (RunWatch run : partition.runs().values()) {
        if (run instanceof PartWatch part) {
          part.endIfOver(book).filter(last -> !partition.isGone()).ifPresent(board::published);
        }
      }
    }
    publisher.publishDue(partitions);
  }

  /** Why it cannot begin yet. */
  Optional<String> notReadyReason() {
    WholeTopic reading = checkpoints;
    if (caughtUp) {
      return Optional.empty();
    }
    return Optional.of(reading == null ? "starting" : reading.status());
  }

  /** What is wrong although it works. */
  Optional<String> warning() {
    WholeTopic reading = checkpoints;
    return shares
        .problem()
        .or(publisher::problem)
        .or(() -> Optional.ofNullable(reading).flatMap(WholeTopic::problem));
  }

  /** Why the checkpoints cannot be read as a whole, if they cannot. */
  Optional<String> refusal() {
    return Optional.ofNullable(refusal);
  }

  /** Ends {@link #begin}. */
  void stop() {
    stopped.complete(null);
  }

  /** Writes what is still to be published. */
  @Override
  public void close() {
    WholeTopic reading = checkpoints;
    if (reading != null) {
      reading.close();
    }
    shares.close();
  }
}
