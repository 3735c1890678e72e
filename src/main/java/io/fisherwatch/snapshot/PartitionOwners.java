package io.fisherwatch.snapshot;

import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * Who has which partition of the topic, as the group's coordinator said at one moment, with the
 * runs that this agent has in its own.
 *
 * @param topic the topic of the events
 * @param group the group whose members share it
 * @param state of the group in Kafka's words, such as {@code Stable}
 * @param ageSeconds how long ago the coordinator said so
 * @param partitions every partition of the topic, by number
 */
public record PartitionOwners(
    String topic, String group, String state, double ageSeconds, List<Partition> partitions) {

  public PartitionOwners {
    partitions = List.copyOf(partitions);
  }

  /**
   * A partition.
   *
   * @param partition its number
   * @param owner who has it; empty while it is nobody's
   * @param lag records after the last one that the group has committed; empty if nobody could say
   * @param runs those that this agent has in it, by name
   */
  public record Partition(int partition, Optional<Owner> owner, OptionalLong lag, List<Run> runs) {

    public Partition {
      runs = List.copyOf(runs);
    }
  }

  /**
   * A member of the group.
   *
   * @param memberId what the coordinator calls it, unlike any other
   * @param clientId what it calls itself
   * @param host where the broker sees it
   * @param instanceId its fixed name; empty if it has none
   * @param thisAgent whether it is the agent that is asked
   */
  public record Owner(
      String memberId,
      String clientId,
      String host,
      Optional<String> instanceId,
      boolean thisAgent) {}

  /**
   * A run in a partition.
   *
   * @param run its name
   * @param step of its checkpoint in force; empty before its first figures
   * @param ended whether it has ended
   */
  public record Run(String run, OptionalLong step, boolean ended) {}
}
