package io.fisherwatch.kafka;

import io.fisherwatch.event.EventListener;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.InvalidOffsetException;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.ApiException;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.RetriableException;
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

  /** How long after records came questions may stay unanswered: they wait behind records. */
  private static final long SLOW_NANOS = TimeUnit.SECONDS.toNanos(5);

  /** Times that an unreadable record is asked for before it is given up. */
  private static final int MOST_READINGS = 3;

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
  private final TopicWatch topic;
  private final Backoff backoff = new Backoff();
  private final Map<TopicPartition, Integer> unreadable = new HashMap<>();
  private long lastRecords = System.nanoTime() - SLOW_NANOS;
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
    this.topic = new TopicWatch(settings);
  }

  /**
   * Polls until it is to stop.
   *
   * @return false if it needs a new client to go on
   */
  boolean run() {
    consumer.subscribe(List.of(settings.topic()), assignments);
    while (!stopping.getAsBoolean() && !interrupted && queue.failure() == null) {
      try {
        poll();
        commit();
        check();
        backoff.reset();
      } catch (InvalidOffsetException e) {
        recover(e);
      } catch (InterruptedException | InterruptException e) {
        stopAsInterrupted();
      } catch (KafkaException e) {
        if (isFinal(e)) {
          return false;
        }
        tryAgain(e);
      }
    }
    return true;
  }

  /** Waits for the record in hand, but not for ever, and commits. */
  void finish(RecordWorker work, Thread worker, Duration patience) {
    queue.close();
    assignments.hurry();
    assignments.tellLeaving(consumer.assignment());
    try {
      if (!awaitIdle(patience)) {
        LOG.warn("the event in hand takes longer than {} s: given up", patience.toSeconds());
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
    topic.close();
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
    ConsumerRecords<byte[], byte[]> records = consumer.poll(idle ? STEP : Duration.ZERO);
    if (!records.isEmpty()) {
      lastRecords = System.nanoTime();
      records.partitions().forEach(unreadable::remove);
    }
    queue.add(records);
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
    Set<TopicPartition> owned = consumer.assignment();
    health.owns(owned.size());
    health.member(consumer.groupMetadata().memberId());
    if (health.ready() && now - lastCheck < CHECK_NANOS) {
      return;
    }
    lastCheck = now;
    if (!isSameTopic()) {
      return;
    }
    Collection<TopicPartition> asked =
        owned.isEmpty() ? Set.of(new TopicPartition(settings.topic(), 0)) : owned;
    try {
      Map<TopicPartition, Long> ends = consumer.endOffsets(asked, ANSWER);
      long lag = queue.size();
      for (TopicPartition partition : owned) {
        lag += Math.max(0, ends.getOrDefault(partition, 0L) - consumer.position(partition, ANSWER));
      }
      health.works(isMember());
      listener.lag(lag);
    } catch (TimeoutException e) {
      if (now - lastRecords > SLOW_NANOS) {
        health.away(e);
      }
    }
  }

  /** Goes back to the begin if the topic is another one; false if there is none. */
  private boolean isSameTopic() {
    switch (topic.look()) {
      case MISSING -> {
        health.missing();
        return false;
      }
      case ANOTHER -> {
        Set<TopicPartition> owned = consumer.assignment();
        queue.drop(owned);
        queue.claim(owned); // what was processed says nothing about the new topic's offsets
        positions.restart(consumer, owned);
        return true;
      }
      default -> {
        return true;
      }
    }
  }

  private boolean isMember() {
    return assignments.joined() || consumer.groupMetadata().generationId() > 0;
  }

  private void recover(InvalidOffsetException e) {
    try {
      positions.recover(consumer, e);
      if (e instanceof OffsetOutOfRangeException) {
        topic.forget(); // if it is another one, that has just been said and done
      }
    } catch (TimeoutException timeout) {
      health.away(timeout);
    } catch (InterruptException interrupt) {
      stopAsInterrupted();
    } catch (KafkaException again) {
      tryAgain(again);
    }
  }

  /**
   * Whether the client is of no use any more. After some errors, such as a refused login, one of
   * Kafka's two kinds of consumer does nothing any more and says nothing either.
   */
  private boolean isFinal(KafkaException e) {
    if (e instanceof ApiException refusal && !(e instanceof RetriableException)) {
      health.refused(refusal);
      return true;
    }
    return false;
  }

  private void tryAgain(KafkaException e) {
    Optional<TopicPartition> partition = UnreadableRecord.partition(e, consumer.assignment());
    if (partition.isPresent()
        && unreadable.merge(partition.get(), 1, Integer::sum) > MOST_READINGS) {
      skipUnreadable(partition.get(), e);
      return;
    }
    health.fails("consuming " + settings.topic() + " fails: " + e);
    try {
      backoff.await();
    } catch (InterruptedException interrupt) {
      stopAsInterrupted();
    }
  }

  /** Sends a record that cannot be read on its way to the dead letters. */
  private void skipUnreadable(TopicPartition partition, KafkaException e) {
    try {
      long offset = consumer.position(partition, ANSWER);
      queue.add(List.of(new UnreadableRecord(partition, offset, e)));
      consumer.seek(partition, offset + 1);
    } catch (TimeoutException timeout) {
      health.away(timeout);
    }
  }

  private boolean awaitIdle(Duration patience) throws InterruptedException {
    for (long waited = 0; waited < patience.toMillis(); waited += STEP.toMillis()) {
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
