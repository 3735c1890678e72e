package io.fisherwatch.kafka;

import io.fisherwatch.event.EventListener;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.InvalidOffsetException;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The thread that polls: fetches when nothing waits, commits what is processed, and keeps polling
 * with its partitions paused while the handler works, since a member that does not poll is put out
 * of its group.
 */
final class PollLoop implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(PollLoop.class);
  private static final Duration STEP = Duration.ofMillis(200);
  private static final Duration ANSWER = Duration.ofSeconds(1);
  private static final long CHECK_NANOS = TimeUnit.SECONDS.toNanos(2);
  private static final long RETRY_MILLIS = 500;

  /** Together with the commit and the leave-taking less than the 10 s that stopping may take. */
  private static final Duration LAST_RECORD = Duration.ofSeconds(6);

  private static final Duration LAST_COMMIT = Duration.ofSeconds(1);
  private static final Duration GOODBYE = Duration.ofSeconds(1);

  private final KafkaSettings settings;
  private final SourceHealth health;
  private final EventListener listener;
  private final WorkQueue queue;
  private final BooleanSupplier stopping;
  private final Consumer<byte[], byte[]> consumer;
  private final Assignments assignments;
  private final Positions positions;
  private long lastCheck = System.nanoTime() - CHECK_NANOS;
  private boolean interrupted;

  PollLoop(
      KafkaSettings settings,
      SourceHealth health,
      EventListener listener,
      WorkQueue queue,
      BooleanSupplier stopping) {
    this.settings = settings;
    this.health = health;
    this.listener = listener;
    this.queue = queue;
    this.stopping = stopping;
    this.consumer = Clients.consumer(settings);
    this.assignments = new Assignments(consumer, queue, listener, patience(settings));
    this.positions = new Positions(health, listener);
  }

  void run() {
    consumer.subscribe(List.of(settings.topic()), assignments);
    while (!stopping.getAsBoolean() && !interrupted && queue.failure() == null) {
      try {
        poll();
        commit();
        check();
      } catch (InvalidOffsetException e) {
        recover(e);
      } catch (InterruptedException | InterruptException e) {
        stopAsInterrupted();
      } catch (KafkaException e) {
        tryAgain(e);
      }
    }
  }

  /** Waits for the record in hand, within bounds, and commits. */
  void finish(RecordWorker work, Thread worker) {
    queue.close();
    assignments.hurry();
    try {
      if (!awaitIdle()) {
        LOG.warn("the event in hand takes longer than {} s: given up", LAST_RECORD.toSeconds());
        work.giveUp();
        worker.interrupt();
      }
      Map<TopicPartition, OffsetAndMetadata> offsets = queue.processed(consumer.assignment());
      if (!offsets.isEmpty()) {
        consumer.commitSync(offsets, LAST_COMMIT);
      }
    } catch (InterruptedException | InterruptException e) {
      stopAsInterrupted();
    } catch (KafkaException e) {
      LOG.warn(
          "the last offsets are not committed, their events will come again: {}", e.getMessage());
    }
  }

  @Override
  public void close() {
    try {
      consumer.close(CloseOptions.timeout(GOODBYE));
    } catch (KafkaException e) {
      LOG.warn("leaving the group failed: {}", e.getMessage());
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void poll() throws InterruptedException {
    boolean idle = queue.awaitIdle(STEP);
    if (idle) {
      consumer.resume(consumer.paused());
    } else {
      consumer.pause(consumer.assignment());
    }
    queue.add(consumer.poll(idle ? STEP : Duration.ZERO));
  }

  private void commit() {
    Map<TopicPartition, OffsetAndMetadata> offsets = queue.submit();
    if (offsets.isEmpty()) {
      return;
    }
    consumer.commitAsync(
        offsets,
        (committed, e) -> {
          if (e != null) {
            LOG.debug("committing {} failed: {}", committed, e.toString());
            queue.resubmit(offsets);
          }
        });
  }

  /** Asks the broker how far the partitions reach, which also tells whether it is there. */
  private void check() {
    long now = System.nanoTime();
    if (health.ready() && now - lastCheck < CHECK_NANOS) {
      return;
    }
    lastCheck = now;
    Set<TopicPartition> owned = consumer.assignment();
    Collection<TopicPartition> asked =
        owned.isEmpty() ? Set.of(new TopicPartition(settings.topic(), 0)) : owned;
    try {
      Map<TopicPartition, Long> ends = consumer.endOffsets(asked, ANSWER);
      long lag = queue.size();
      for (TopicPartition partition : owned) {
        lag += Math.max(0, ends.getOrDefault(partition, 0L) - consumer.position(partition, ANSWER));
      }
      health.works(isMember(), owned.size());
      listener.lag(lag);
    } catch (TimeoutException e) {
      health.away(e);
    }
  }

  private boolean isMember() {
    return assignments.joined() || consumer.groupMetadata().generationId() > 0;
  }

  private void recover(InvalidOffsetException e) {
    try {
      positions.recover(consumer, e);
    } catch (TimeoutException timeout) {
      health.away(timeout);
    }
  }

  private void tryAgain(KafkaException e) {
    health.fails("consuming " + settings.topic() + " fails: " + e);
    try {
      TimeUnit.MILLISECONDS.sleep(RETRY_MILLIS);
    } catch (InterruptedException interrupt) {
      stopAsInterrupted();
    }
  }

  private boolean awaitIdle() throws InterruptedException {
    for (long waited = 0; waited < LAST_RECORD.toMillis(); waited += STEP.toMillis()) {
      if (queue.awaitIdle(STEP)) {
        return true;
      }
      try {
        consumer.pause(consumer.assignment());
        consumer.poll(Duration.ZERO);
      } catch (InterruptException e) {
        throw e;
      } catch (KafkaException e) {
        LOG.debug("polling for the membership's sake failed: {}", e.toString());
      }
    }
    return false;
  }

  private void stopAsInterrupted() {
    // cleared for the last commit, restored at the end
    interrupted = true;
    Thread.interrupted();
  }

  /** How long a rebalance may wait for the record in hand: half of what the group allows. */
  private static Duration patience(KafkaSettings settings) {
    long interval =
        Long.parseLong(settings.properties().getOrDefault("max.poll.interval.ms", "300000"));
    return Duration.ofMillis(Math.min(interval / 2, 30_000));
  }
}
