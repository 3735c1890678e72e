package io.fisherwatch.kafka;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.config.SaslConfigs;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Kafka's clients, configured so that nothing is lost and large records pass. */
final class Clients {

  /** The largest record, in bytes, before what the envelope adds. */
  static final int LARGEST_RECORD = 64 << 20;

  /**
   * Bytes of an answer; a longer record comes alone. Together with the time that an answer may take
   * it says how slow a network may be: 70 kB/s.
   */
  private static final int FETCH_BYTES = 4 << 20;

  private static final int ANSWER_MILLIS = 60_000;

  private static final String UNRESOLVED = "No resolvable bootstrap urls";
  private static final String GROUP_PROTOCOL = ConsumerConfig.GROUP_PROTOCOL_CONFIG;

  /** What only members of a group have. */
  private static final Set<String> OF_MEMBERS =
      Set.of(
          GROUP_PROTOCOL,
          ConsumerConfig.GROUP_INSTANCE_ID_CONFIG,
          ConsumerConfig.GROUP_REMOTE_ASSIGNOR_CONFIG,
          ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG,
          ConsumerConfig.HEARTBEAT_INTERVAL_MS_CONFIG);

  private static final String ALLOWED_URLS = "org.apache.kafka.sasl.oauthbearer.allowed.urls";
  private static final List<String> TOKEN_URLS =
      List.of(
          SaslConfigs.SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL,
          SaslConfigs.SASL_OAUTHBEARER_JWKS_ENDPOINT_URL);

  private Clients() {}

  /**
   * A consumer whose offsets are committed by hand and never reset: a position that is missing or
   * gone is an exception, to be dealt with aloud.
   */
  static Consumer<byte[], byte[]> consumer(KafkaSettings settings) {
    Map<String, Object> properties = reading(settings);
    properties.put(ConsumerConfig.GROUP_ID_CONFIG, settings.groupId());
    return new KafkaConsumer<>(
        properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  /** A consumer of no group, to which partitions are assigned by hand; it makes no topic. */
  static Consumer<byte[], byte[]> reader(KafkaSettings settings) {
    Map<String, Object> properties = reading(settings);
    properties.keySet().removeAll(OF_MEMBERS);
    properties.put(ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, false);
    // so soon partitions are noticed that are added
    properties.putIfAbsent(ConsumerConfig.METADATA_MAX_AGE_CONFIG, 10_000);
    return new KafkaConsumer<>(
        properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  private static Map<String, Object> reading(KafkaSettings settings) {
    allowTokenEndpoints(settings.properties());
    Map<String, Object> properties = new HashMap<>();
    properties.put(ConsumerConfig.FETCH_MAX_BYTES_CONFIG, FETCH_BYTES);
    properties.put(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG, FETCH_BYTES);
    properties.put(ConsumerConfig.REQUEST_TIMEOUT_MS_CONFIG, ANSWER_MILLIS);
    // enough to see whether a batch has been overtaken; what is fetched is bounded by its bytes
    properties.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, 100);
    if (!"consumer".equalsIgnoreCase(settings.properties().get(GROUP_PROTOCOL))) {
      // a killed agent's partitions are free after 10 s; in the newer protocol the broker says when
      properties.put(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG, 10_000);
    }
    putAll(properties, settings, ConsumerConfig.configNames(), ProducerConfig.configNames());
    properties.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
    properties.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "none");
    // what a producer took back has not happened
    properties.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
    return properties;
  }

  /** A producer that neither loses nor repeats nor reorders, as far as Kafka can. */
  static Producer<byte[], byte[]> producer(KafkaSettings settings, Map<String, Object> defaults) {
    allowTokenEndpoints(settings.properties());
    Map<String, Object> properties = new HashMap<>();
    properties.put(ProducerConfig.MAX_REQUEST_SIZE_CONFIG, LARGEST_RECORD);
    properties.put(ProducerConfig.BUFFER_MEMORY_CONFIG, 2L * LARGEST_RECORD);
    properties.putAll(defaults);
    putAll(properties, settings, ProducerConfig.configNames(), ConsumerConfig.configNames());
    properties.put(ProducerConfig.ACKS_CONFIG, "all");
    properties.put(ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, true);
    // One at a time: to a broker that does not know this producer yet any first sequence number
    // will
    // do. If the first request of two fails, on a topic just made, the second is taken for the
    // first, and the repeated first is out of order for ever.
    properties.put(ProducerConfig.MAX_IN_FLIGHT_REQUESTS_PER_CONNECTION, 1);
    return new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
  }

  /** A client that asks about topics. */
  static Admin admin(KafkaSettings settings) {
    return admin(settings.connection());
  }

  /** A client that asks about topics. */
  static Admin admin(Connection settings) {
    allowTokenEndpoints(settings.properties());
    Map<String, Object> properties = new HashMap<>();
    Set<String> own = AdminClientConfig.configNames();
    settings
        .properties()
        .forEach(
            (name, value) -> {
              if (own.contains(name)) {
                properties.put(name, value);
              }
            });
    properties.put(AdminClientConfig.BOOTSTRAP_SERVERS_CONFIG, settings.bootstrapServers());
    return Admin.create(properties);
  }

  /**
   * Kafka's clients ask no address for tokens that a property of the JVM does not name, lest
   * strangers configure them. Here who writes the configuration is who starts the JVM.
   */
  static void allowTokenEndpoints(Map<String, String> properties) {
    if (System.getProperty(ALLOWED_URLS) != null) {
      return;
    }
    String urls =
        TOKEN_URLS.stream()
            .map(properties::get)
            .filter(Objects::nonNull)
            .distinct()
            .collect(Collectors.joining(","));
    if (!urls.isEmpty()) {
      System.setProperty(ALLOWED_URLS, urls);
    }
  }

  /** Whether a client could not be made because no broker's name has an address, for now. */
  static boolean isUnresolved(KafkaException e) {
    for (Throwable cause = e; cause != null; cause = cause.getCause()) {
      if (cause instanceof ConfigException
          && String.valueOf(cause.getMessage()).contains(UNRESOLVED)) {
        return true;
      }
    }
    return false;
  }

  /** The user's properties, less those that only the other kind of client knows. */
  private static void putAll(
      Map<String, Object> properties, KafkaSettings settings, Set<String> own, Set<String> other) {
    settings
        .properties()
        .forEach(
            (name, value) -> {
              if (own.contains(name) || !other.contains(name)) {
                properties.put(name, value);
              }
            });
    properties.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, settings.bootstrapServers());
  }
}
