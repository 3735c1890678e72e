package io.fisherwatch.web;

import io.fisherwatch.snapshot.PartitionOwners;
import io.fisherwatch.snapshot.PartitionSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/** Six partitions that never were, shared by agents that call themselves alike on two hosts. */
final class SimulatedOwners implements PartitionSource {

  private static final int PARTITIONS = 6;

  private volatile Answer answer = new Answer(Optional.empty(), Optional.empty());

  SimulatedOwners() {
    become(3, 0.5, "");
  }

  /**
   * Changes what is known.
   *
   * @param agents that share all partitions but the last; 0 if nothing is known
   * @param trouble why nothing newer is known; blank for none
   */
  void become(int agents, double ageSeconds, String trouble) {
    Optional<String> why = trouble.isBlank() ? Optional.empty() : Optional.of(trouble);
    if (agents == 0) {
      answer = new Answer(Optional.empty(), why);
      return;
    }
    List<PartitionOwners.Partition> partitions = new ArrayList<>();
    for (int i = 0; i < PARTITIONS; i++) {
      int agent = i % agents;
      Optional<PartitionOwners.Owner> owner =
          i == PARTITIONS - 1
              ? Optional.empty()
              : Optional.of(
                  new PartitionOwners.Owner(
                      "member-" + agent + "-00000" + agent,
                      "consumer-1",
                      "10.0.0." + agent / 2,
                      Optional.empty(),
                      agent == 0));
      partitions.add(
          new PartitionOwners.Partition(
              i,
              owner,
              i == 4 ? OptionalLong.empty() : OptionalLong.of(1200L + i),
              i == 0
                  ? List.of(
                      new PartitionOwners.Run(
                          "<img src=x onerror=bite()>", OptionalLong.of(40), false),
                      new PartitionOwners.Run("young", OptionalLong.empty(), true))
                  : List.of()));
    }
    answer =
        new Answer(
            Optional.of(
                new PartitionOwners("events", "watchers", "Stable", ageSeconds, partitions)),
            why);
  }

  @Override
  public Answer partitions() {
    return answer;
  }
}
