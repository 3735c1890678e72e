package io.fisherwatch.kafka;

import io.fisherwatch.event.EventListener;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.InvalidOffsetException;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.common.TopicPartition;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Where to go on if a partition has no committed offset, or one whose record is gone: at the
 * earliest record. The first is normal; the second means that events are missing, and is said.
 */
final class Positions {

  private static final Logger LOG = LoggerFactory.getLogger(Positions.class);
  private static final Duration ANSWER = Duration.ofSeconds(2);

  private final SourceHealth health;
  private final EventListener listener;

  Positions(SourceHealth health, EventListener listener) {
    this.health = health;
    this.listener = listener;
  }

  void recover(Consumer<byte[], byte[]> consumer, InvalidOffsetException e) {
    Map<TopicPartition, Long> earliest = consumer.beginningOffsets(e.partitions(), ANSWER);
    Map<TopicPartition, Long> lost =
        e instanceof OffsetOutOfRangeException outOfRange
            ? outOfRange.offsetOutOfRangePartitions()
            : Map.of();
    for (TopicPartition partition : e.partitions()) {
      long begin = earliest.getOrDefault(partition, 0L);
      Long wanted = lost.get(partition);
      consumer.seek(partition, begin);
      if (wanted == null) {
        LOG.info("{} has no committed offset: begins at its earliest record, {}", partition, begin);
      } else {
        String message = message(partition, wanted, begin);
        health.gap(message);
        listener.gap(message);
      }
    }
  }

  /** Begins anew in a topic that was deleted and made again. */
  void restart(Consumer<byte[], byte[]> consumer, Set<TopicPartition> partitions) {
    consumer.seekToBeginning(partitions);
    String message =
        "the topic of %s was deleted and made again; goes on at the earliest record of the new one"
            .formatted(new TreeSet<>(partitions.stream().map(TopicPartition::toString).toList()));
    health.gap(message);
    listener.gap(message);
  }

  private static String message(TopicPartition partition, long wanted, long begin) {
    return wanted < begin
        ? "offset %d of %s is gone: retention removed %d events before they were read; goes on at %d"
            .formatted(wanted, partition, begin - wanted, begin)
        : "offset %d of %s does not exist: the topic was cut or made anew; goes on at its earliest record, %d"
            .formatted(wanted, partition, begin);
  }
}
