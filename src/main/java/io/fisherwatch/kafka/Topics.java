package io.fisherwatch.kafka;

import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.ApiException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Topics that have to be set up in one way only. */
final class Topics {

  private static final Logger LOG = LoggerFactory.getLogger(Topics.class);

  /** Keeps every record for ever. */
  static final Map<String, String> COMPLETE =
      Map.of("cleanup.policy", "delete", "retention.ms", "-1", "retention.bytes", "-1");

  /** Keeps the latest record of every key. */
  static final Map<String, String> COMPACTED = Map.of("cleanup.policy", "compact");

  /** What a topic that is made here has besides: room for what describes a large model. */
  private static final Map<String, String> BESIDES = Map.of("max.message.bytes", "16777216");

  private Topics() {}

  /**
   * Makes a topic with the broker's usual number of partitions, unless there is one.
   *
   * @param settings that it should have
   * @return what is not as it should be of a topic that was there, in words; empty also if we may
   *     not know
   * @throws KafkaException if the broker does not answer, or does not let us
   */
  static Optional<String> require(KafkaSettings kafka, String topic, Map<String, String> settings)
      throws InterruptedException {
    try (Admin admin = Clients.admin(kafka)) {
      if (exists(admin, topic) || !make(admin, topic, settings)) {
        return difference(admin, topic, settings);
      }
      LOG.info("made topic {} with {}", topic, new TreeMap<>(settings));
      return Optional.empty();
    }
  }

  private static boolean exists(Admin admin, String topic) throws InterruptedException {
    try {
      answer(admin.describeTopics(List.of(topic)).allTopicNames());
      return true;
    } catch (UnknownTopicOrPartitionException e) {
      return false;
    }
  }

  /** False if somebody else was faster. */
  private static boolean make(Admin admin, String topic, Map<String, String> settings)
      throws InterruptedException {
    Map<String, String> all = new TreeMap<>(BESIDES);
    all.putAll(settings);
    NewTopic made = new NewTopic(topic, Optional.empty(), Optional.empty()).configs(all);
    try {
      answer(admin.createTopics(List.of(made)).all());
      return true;
    } catch (TopicExistsException e) {
      return false;
    }
  }

  private static Optional<String> difference(
      Admin admin, String topic, Map<String, String> settings) throws InterruptedException {
    ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
    Collection<Config> found;
    try {
      found = answer(admin.describeConfigs(List.of(resource)).all()).values();
    } catch (ApiException e) {
      LOG.warn("the settings of {} cannot be checked: {}", topic, e.toString());
      return Optional.empty();
    }
    for (Config config : found) {
      for (Map.Entry<String, String> wanted : new TreeMap<>(settings).entrySet()) {
        ConfigEntry entry = config.get(wanted.getKey());
        if (entry != null && !wanted.getValue().equals(entry.value())) {
          return Optional.of(
              "topic %s has %s=%s, which should be %s"
                  .formatted(topic, wanted.getKey(), entry.value(), wanted.getValue()));
        }
      }
    }
    return Optional.empty();
  }

  private static <T> T answer(KafkaFuture<T> asked) throws InterruptedException {
    try {
      return asked.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof KafkaException failure) {
        throw failure;
      }
      throw new KafkaException("the broker's answer is of no use: " + e.getCause(), e);
    }
  }
}
