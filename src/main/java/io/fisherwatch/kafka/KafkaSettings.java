package io.fisherwatch.kafka;

import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;

/**
 * Where the events are.
 *
 * @param bootstrapServers hosts and ports of the first brokers to ask, separated by commas
 * @param topic the topic of the events
 * @param deadLetterTopic the topic for what cannot be processed
 * @param groupId the consumer group, whose members share the topic's partitions
 * @param properties further properties of Kafka's clients, for security and tuning
 */
public record KafkaSettings(
    String bootstrapServers,
    String topic,
    String deadLetterTopic,
    String groupId,
    Map<String, String> properties) {

  /** What delivery and order depend on, or has its own setting. */
  private static final Set<String> OURS =
      Set.of(
          ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG,
          ConsumerConfig.GROUP_ID_CONFIG,
          ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG,
          ConsumerConfig.AUTO_OFFSET_RESET_CONFIG,
          ConsumerConfig.ISOLATION_LEVEL_CONFIG,
          ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG,
          ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG,
          ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG,
          ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG,
          ProducerConfig.ACKS_CONFIG,
          ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG,
          ProducerConfig.TRANSACTIONAL_ID_CONFIG);

  /** Copies the properties and checks that none undermines what the source promises. */
  public KafkaSettings {
    properties = Map.copyOf(properties);
    notBlank("bootstrapServers", bootstrapServers);
    notBlank("topic", topic);
    notBlank("deadLetterTopic", deadLetterTopic);
    notBlank("groupId", groupId);
    if (topic.equals(deadLetterTopic)) {
      throw new IllegalArgumentException(
          "deadLetterTopic is " + topic + ", the topic of the events itself; it should be another");
    }
    Set<String> refused = new TreeSet<>(properties.keySet());
    refused.retainAll(OURS);
    if (!refused.isEmpty()) {
      throw new IllegalArgumentException(
          "properties has " + refused + ", which Fisherwatch sets itself");
    }
  }

  /** Without the properties' values, which may be secrets. */
  @Override
  public String toString() {
    return "KafkaSettings["
        + bootstrapServers
        + ", topic="
        + topic
        + ", deadLetterTopic="
        + deadLetterTopic
        + ", groupId="
        + groupId
        + ", properties="
        + new TreeMap<>(properties).keySet()
        + "]";
  }

  private static void notBlank(String name, String value) {
    if (value.isBlank()) {
      throw new IllegalArgumentException(name + " should not be blank");
    }
  }
}
