package io.fisherwatch.kafka;

import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerConfig;
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

  /** Names that give a secret away, in properties that Kafka itself does not know. */
  private static final Pattern SECRET_NAME =
      Pattern.compile(
          "password|passphrase|secret|token(?!\\.endpoint)|jaas|credential|ssl\\.[a-z]+\\.key$",
          Pattern.CASE_INSENSITIVE);

  /** Copies the properties and checks that none undermines what the source promises. */
  public KafkaSettings {
    properties = new Connection(bootstrapServers, properties).properties();
    notBlank("topic", topic);
    notBlank("deadLetterTopic", deadLetterTopic);
    notBlank("groupId", groupId);
    if (topic.equals(deadLetterTopic)) {
      throw new IllegalArgumentException(
          "deadLetterTopic is " + topic + ", the topic of the events itself; it should be another");
    }
  }

  /** How to reach the broker. */
  public Connection connection() {
    return new Connection(bootstrapServers, properties);
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
