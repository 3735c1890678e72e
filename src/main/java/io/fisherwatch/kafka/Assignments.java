package io.fisherwatch.kafka;

import io.fisherwatch.event.EventListener;
import java.time.Duration;
import java.util.Collection;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InterruptException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What happens when partitions come and go. Called by the consumer within {@code poll}.
 *
 * <p>Revoked: the record in hand is waited for, what is processed is committed, the rest of the
 * queue is dropped. Lost: another member may own it already, so nothing is committed.
 */
final class Assignments implements ConsumerRebalanceListener {

  private static final Logger LOG = LoggerFactory.getLogger(Assignments.class);
  private static final Duration COMMIT = Duration.ofSeconds(5);

  private final Consumer<byte[], byte[]> consumer;
  private final WorkQueue queue;
  private final EventListener listener;
  private Duration patience;
  private boolean joined;

  Assignments(
      Consumer<byte[], byte[]> consumer,
      WorkQueue queue,
      EventListener listener,
      Duration patience) {
    this.consumer = consumer;
    this.queue = queue;
    this.listener = listener;
    this.patience = patience;
  }

  /** Waits for no record any more: that has been done. */
  void hurry() {
    patience = Duration.ZERO;
  }

  /** Says that partitions are about to go, after which nothing of them is taken from the queue. */
  void tellLeaving(Collection<TopicPartition> partitions) {
    partitions.forEach(partition -> listener.leaving(partition.topic(), partition.partition()));
  }

  /** Whether the group has ever assigned anything, be it nothing. */
  boolean joined() {
    return joined;
  }

  @Override
  public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
    joined = true;
    LOG.info("assigned {}", partitions);
    queue.claim(partitions);
    for (TopicPartition partition : partitions) {
      listener
          .assigned(partition.topic(), partition.partition(), queue.assignment(partition))
          .ifPresent(offset -> seek(partition, offset));
    }
  }

  private void seek(TopicPartition partition, long offset) {
    if (offset == EventListener.EARLIEST) {
      consumer.seekToBeginning(Set.of(partition));
    } else {
      consumer.seek(partition, offset);
    }
  }

  @Override
  public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
    LOG.info("revoked {}", partitions);
    queue.drop(partitions);
    tellLeaving(partitions);
    boolean settled = false;
    try {
      settled = queue.awaitNoneOf(partitions, patience);
      if (!settled && !patience.isZero()) {
        LOG.warn(
            "the event in hand takes longer than {} ms: its partition goes, and it will be"
                + " processed again",
            patience.toMillis());
      }
      Map<TopicPartition, OffsetAndMetadata> offsets = queue.processed(partitions);
      if (!offsets.isEmpty()) {
        consumer.commitSync(offsets, COMMIT);
      }
    } catch (InterruptedException e) {
      throw new InterruptException(e);
    } catch (InterruptException e) {
      throw e;
    } catch (KafkaException e) {
      LOG.warn(
          "offsets of {} not committed, their events will come again: {}",
          partitions,
          e.getMessage());
    } finally {
      queue.release(partitions);
      for (TopicPartition partition : partitions) {
        if (settled) {
          listener.released(partition.topic(), partition.partition());
        } else {
          listener.lost(partition.topic(), partition.partition());
        }
      }
    }
  }

  @Override
  public void onPartitionsLost(Collection<TopicPartition> partitions) {
    LOG.warn("lost {}", partitions);
    queue.release(partitions);
    partitions.forEach(partition -> listener.lost(partition.topic(), partition.partition()));
  }
}
