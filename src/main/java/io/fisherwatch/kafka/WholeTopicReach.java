package io.fisherwatch.kafka;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/**
 * How far a topic has been read that is read as a whole: its partitions, the next offset of each,
 * and who waits for which. Outlives the clients that read. For the thread that reads.
 */
final class WholeTopicReach implements AutoCloseable {

  private static final Duration ANSWER = Duration.ofSeconds(5);
  private static final long LOOK_NANOS = TimeUnit.SECONDS.toNanos(5);
  private static final long FIRST_LOOK_NANOS = TimeUnit.MILLISECONDS.toNanos(500);

  private final String topic;
  private final TopicWatch watch;
  private final Map<TopicPartition, Long> next = new HashMap<>();
  private final List<Question> waiting = new ArrayList<>();
  private @Nullable Map<TopicPartition, Long> firstEnds;
  private long lookAt = System.nanoTime();

  /** Who waits until all of this has been read. */
  private record Question(Map<TopicPartition, Long> ends, List<CompletableFuture<Void>> answers) {}

  WholeTopicReach(KafkaSettings settings, String topic) {
    this.topic = topic;
    this.watch = new TopicWatch(settings, topic);
  }

  /** A new client reads on. */
  void renew() {
    lookAt = System.nanoTime();
  }

  /**
   * Looks now and then which partitions there are, and assigns all of them.
   *
   * @return whether the broker was asked, and answered
   * @throws TopicRefusedException if the first record of one is gone
   */
  boolean look(Consumer<byte[], byte[]> consumer) throws TopicRefusedException {
    if (System.nanoTime() - lookAt < 0) {
      return false;
    }
    if (watch.look() == TopicWatch.Sight.ANOTHER) {
      throw new TopicRefusedException(
          topic + " was deleted and made again: what was read of it says nothing any more");
    }
    Set<TopicPartition> partitions = new HashSet<>();
    for (PartitionInfo info : consumer.partitionsFor(topic, ANSWER)) {
      partitions.add(new TopicPartition(topic, info.partition()));
    }
    Set<TopicPartition> added = new HashSet<>(partitions);
    added.removeAll(next.keySet());
    requireFirstRecords(consumer, added);
    added.forEach(partition -> next.put(partition, 0L));
    if (!consumer.assignment().equals(next.keySet())) {
      consumer.assign(next.keySet());
      next.forEach(consumer::seek);
    }
    if (!partitions.isEmpty() && firstEnds == null) {
      firstEnds = consumer.endOffsets(partitions, ANSWER);
    }
    lookAt = System.nanoTime() + (partitions.isEmpty() ? FIRST_LOOK_NANOS : LOOK_NANOS);
    return true;
  }

  private static void requireFirstRecords(
      Consumer<byte[], byte[]> consumer, Set<TopicPartition> added) throws TopicRefusedException {
    if (added.isEmpty()) {
      return;
    }
    for (Map.Entry<TopicPartition, Long> begin :
        consumer.beginningOffsets(added, ANSWER).entrySet()) {
      if (begin.getValue() > 0) {
        throw new TopicRefusedException(
            ("%s begins at offset %d: its first records have been removed, but all are needed."
                    + " Make the topic anew, with cleanup.policy=delete and retention.ms=-1")
                .formatted(begin.getKey(), begin.getValue()));
      }
    }
  }

  /** A record has been dealt with. */
  void read(ConsumerRecord<byte[], byte[]> record) {
    next.put(new TopicPartition(record.topic(), record.partition()), record.offset() + 1);
  }

  /** These want to know when all is read that is there now. */
  void ask(Consumer<byte[], byte[]> consumer, List<CompletableFuture<Void>> answers) {
    Map<TopicPartition, Long> ends = consumer.endOffsets(next.keySet(), ANSWER);
    waiting.add(new Question(ends, answers));
  }

  /** Notes how far the client has come, and answers those whose question is settled. */
  void settle(Consumer<byte[], byte[]> consumer) {
    // beyond the last record: marks of transactions have offsets too
    next.replaceAll((partition, offset) -> consumer.position(partition, ANSWER));
    Iterator<Question> questions = waiting.iterator();
    while (questions.hasNext()) {
      Question question = questions.next();
      if (isReached(question.ends)) {
        questions.remove();
        question.answers.forEach(answer -> answer.complete(null));
      }
    }
  }

  /** Whether all has been read that was there at the first look. */
  boolean isCaughtUp() {
    Map<TopicPartition, Long> ends = firstEnds;
    return ends != null && isReached(ends);
  }

  private boolean isReached(Map<TopicPartition, Long> ends) {
    return ends.entrySet().stream()
        .allMatch(end -> next.getOrDefault(end.getKey(), 0L) >= end.getValue());
  }

  @Override
  public void close() {
    watch.close();
  }
}
