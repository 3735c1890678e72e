package io.fisherwatch.kafka;

import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.errors.ApiException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.jspecify.annotations.Nullable;

/** Looks whether topics are there, and makes compacted ones. Waits for answers. For one thread. */
public final class TopicCheck implements AutoCloseable {

  private static final long ANSWER_SECONDS = 10;

  private final Connection connection;
  private @Nullable Admin admin;

  /** Asks nothing yet. */
  public TopicCheck(Connection connection) {
    this.connection = connection;
  }

  /**
   * Looks whether a topic is there.
   *
   * @param remedy what to do if it is not
   * @return what is wrong, in one line; empty if it is there
   */
  public Optional<String> problem(String topic, String remedy) throws InterruptedException {
    return ask(client -> client.describeTopics(List.of(topic)).allTopicNames(), topic, remedy);
  }

  /**
   * Makes a compacted topic of the broker's usual number of partitions and copies.
   *
   * @return what is wrong, in one line; empty if the topic is there now
   */
  public Optional<String> makeCompacted(String topic) throws InterruptedException {
    NewTopic made =
        new NewTopic(topic, Optional.empty(), Optional.empty()).configs(Topics.COMPACTED);
    return ask(client -> client.createTopics(List.of(made)).all(), topic, "create it");
  }

  /** Something that is asked of the broker. */
  @FunctionalInterface
  private interface Question {
    KafkaFuture<?> of(Admin client);
  }

  private Optional<String> ask(Question question, String topic, String remedy)
      throws InterruptedException {
    try {
      question.of(client()).get(ANSWER_SECONDS, TimeUnit.SECONDS);
      return Optional.empty();
    } catch (ExecutionException e) {
      return wrong(e.getCause() == null ? e : e.getCause(), topic, remedy);
    } catch (TimeoutException | KafkaException e) {
      return Optional.of(silence(e));
    }
  }

  private Optional<String> wrong(Throwable cause, String topic, String remedy) {
    if (cause instanceof TopicExistsException) {
      return Optional.empty();
    }
    if (cause instanceof UnknownTopicOrPartitionException) {
      return Optional.of(
          "topic "
              + topic
              + " does not exist on Kafka at "
              + connection.bootstrapServers()
              + "; "
              + remedy);
    }
    if (cause instanceof org.apache.kafka.common.errors.TimeoutException) {
      return Optional.of(silence(cause));
    }
    return Optional.of(
        cause instanceof ApiException e
            ? Refusals.of(connection.bootstrapServers(), e)
            : silence(cause));
  }

  private String silence(Throwable e) {
    return "no answer from Kafka at " + connection.bootstrapServers() + ": " + Refusals.chain(e);
  }

  private Admin client() {
    Admin client = admin;
    if (client == null) {
      client = Clients.admin(connection);
      admin = client;
    }
    return client;
  }

  @Override
  public void close() {
    Admin client = admin;
    if (client != null) {
      client.close(java.time.Duration.ofMillis(500));
    }
  }
}
