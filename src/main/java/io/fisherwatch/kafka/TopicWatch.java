package io.fisherwatch.kafka;

import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.jspecify.annotations.Nullable;

/**
 * Looks now and then whether the topic is still the same one. A topic that was deleted and made
 * again under its name has other records at the same offsets; a consumer that goes on at its
 * position would jump over the first of them. Never waits. For one thread.
 */
final class TopicWatch implements AutoCloseable {

  /** What was seen at the last look. */
  enum Sight {
    /** No answer yet, or none that says anything. */
    UNKNOWN,
    SAME,
    /** Deleted and made again. */
    ANOTHER,
    MISSING
  }

  private final String topic;
  private final Admin admin;
  private @Nullable KafkaFuture<TopicDescription> asked;
  private @Nullable Uuid known;

  TopicWatch(KafkaSettings settings) {
    this(settings, settings.topic());
  }

  /** Looks at another topic than that of the events. */
  TopicWatch(KafkaSettings settings, String topic) {
    this.topic = topic;
    this.admin = Clients.admin(settings);
  }

  /** What the last question gave; asks the next one. */
  Sight look() {
    KafkaFuture<TopicDescription> answer = asked;
    if (answer != null && !answer.isDone()) {
      return Sight.UNKNOWN;
    }
    Sight sight = answer == null ? Sight.UNKNOWN : judge(answer);
    asked = admin.describeTopics(List.of(topic)).topicNameValues().get(topic);
    return sight;
  }

  /** Takes whatever topic is there next for the one that it should be. */
  void forget() {
    known = null;
    asked = null;
  }

  private Sight judge(KafkaFuture<TopicDescription> answer) {
    Uuid before = known;
    try {
      known = answer.get().topicId();
    } catch (ExecutionException | CancellationException e) {
      return e.getCause() instanceof UnknownTopicOrPartitionException
          ? Sight.MISSING
          : Sight.UNKNOWN; // what else is wrong the consumer finds out
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return Sight.UNKNOWN;
    }
    return before == null || before.equals(known) ? Sight.SAME : Sight.ANOTHER;
  }

  @Override
  public void close() {
    admin.close(java.time.Duration.ofMillis(500));
  }
}
