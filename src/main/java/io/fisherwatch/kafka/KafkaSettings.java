package io.fisherwatch.kafka;

import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.config.ConfigDef;

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

  /** Names that give a secret away, in properties that Kafka itself does not know. */
  private static final Pattern SECRET_NAME =
      Pattern.compile(
          "password|passphrase|secret|token(?!\\.endpoint)|jaas|credential|ssl\\.[a-z]+\\.key$",
          Pattern.CASE_INSENSITIVE);

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

  /** Whether a property's value is nobody's business, by Kafka's own account or by its name. */
  public static boolean isSecret(String property) {
    ConfigDef.ConfigKey known = ConsumerConfig.configDef().configKeys().get(property);
    if (known != null && known.type() == ConfigDef.Type.PASSWORD) {
      return true;
    }
    return SECRET_NAME.matcher(property).find();
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
