package io.fisherwatch.kafka;

import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * The group and its topic, as the brokers described them at one moment.
 *
 * @param state of the group in Kafka's words, such as {@code Stable}
 * @param partitions every partition of the topic, by number
 */
public record GroupSight(String state, List<Partition> partitions) {

  public GroupSight {
    partitions = List.copyOf(partitions);
  }

  /**
   * A partition of the topic.
   *
   * @param partition its number
   * @param owner the member that it is assigned to; empty while it is nobody's
   * @param lag records after the last one committed, or all there are if none was; empty if the
   *     partition's leader does not answer
   */
  public record Partition(int partition, Optional<Member> owner, OptionalLong lag) {}

  /**
   * A member of the group.
   *
   * @param id what the coordinator calls it, unlike any other
   * @param clientId what it calls itself
   * @param host where the broker sees it
   * @param instanceId its fixed name; empty if it has none
   */
  public record Member(String id, String clientId, String host, Optional<String> instanceId) {}
}
