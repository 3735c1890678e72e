package io.fisherwatch.agent;

import io.fisherwatch.config.ConfigTree;
import java.time.Duration;

/**
 * How runs are watched whose batches are spread over many agents.
 *
 * @param enabled whether the agent watches such runs, and no others
 * @param checkpointsTopic where their checkpoints and ends are
 * @param sharesTopic where agents publish what they have accumulated
 * @param patience with a checkpoint that a batch names before it is known
 * @param publishInterval between two publications of a part at least
 */
public record ShardingConfig(
    boolean enabled,
    String checkpointsTopic,
    String sharesTopic,
    Duration patience,
    Duration publishInterval) {

  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final Duration PUBLISH_INTERVAL = Duration.ofSeconds(1);

  /** What holds where nothing else is said, for a topic of batches. */
  public static ShardingConfig usual(boolean enabled, String topic) {
    return new ShardingConfig(
        enabled, topic + "-checkpoints", topic + "-shares", PATIENCE, PUBLISH_INTERVAL);
  }

  /** Reads the section {@code sharding}, but for its times. */
  static ShardingConfig read(
      ConfigTree tree, String topic, boolean hasState, Duration patience, Duration interval) {
    ShardingConfig usual = usual(false, topic);
    ShardingConfig read =
        new ShardingConfig(
            tree.flag("sharding.enabled", false),
            tree.text("sharding.checkpointsTopic", usual.checkpointsTopic),
            tree.text("sharding.sharesTopic", usual.sharesTopic),
            patience,
            interval);
    if (read.enabled && !hasState) {
      tree.mistake("sharding", "needs state.directory, a folder that all agents share");
    }
    if (read.checkpointsTopic.isBlank()
        || read.sharesTopic.isBlank()
        || read.checkpointsTopic.equals(topic)
        || read.sharesTopic.equals(topic)
        || read.sharesTopic.equals(read.checkpointsTopic)) {
      tree.mistake(
          "sharding", "kafka.topic, checkpointsTopic and sharesTopic should be three topics");
    }
    return read;
  }
}
