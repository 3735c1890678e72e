package io.fisherwatch.kafka;

import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;

/**
 * How to reach Kafka.
 *
 * @param bootstrapServers hosts and ports of the first brokers to ask, separated by commas
 * @param properties further properties of Kafka's clients, for security and tuning
 */
public record Connection(String bootstrapServers, Map<String, String> properties) {

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

  /** Copies the properties and checks that none undermines what is promised. */
  public Connection {
    properties = Map.copyOf(properties);
    if (bootstrapServers.isBlank()) {
      throw new IllegalArgumentException("bootstrapServers should not be blank");
    }
    Set<String> refused = new TreeSet<>(properties.keySet());
    refused.retainAll(OURS);
    if (!refused.isEmpty()) {
      throw new IllegalArgumentException(
          "properties has " + refused + ", which Fisherwatch sets itself");
    }
  }

  /** Everything as the properties of a client, of whatever kind. */
  public Map<String, Object> clientProperties() {
    Clients.allowTokenEndpoints(properties);
    Map<String, Object> all = new HashMap<>(properties);
    all.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrapServers);
    return all;
  }

  /** Without the properties' values, which may be secrets. */
  @Override
  public String toString() {
    return "Connection["
        + bootstrapServers
        + ", properties="
        + new TreeMap<>(properties).keySet()
        + "]";
  }
}
