package io.fisherwatch.agent;

import io.fisherwatch.kafka.GroupSight;
import io.fisherwatch.kafka.GroupWatch;
import io.fisherwatch.kafka.KafkaSettings;
import io.fisherwatch.snapshot.OwnedPartition;
import io.fisherwatch.snapshot.PartitionOwners;
import io.fisherwatch.snapshot.PartitionSource;
import io.fisherwatch.snapshot.RunSnapshot;
import io.fisherwatch.snapshot.SnapshotBoard;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Supplier;

/** Joins what the brokers say of the group with the runs that this agent has. */
final class Ownership implements PartitionSource {

  /** For the brokers' answer, while somebody waits for ours. */
  private static final Duration PATIENCE = Duration.ofSeconds(1);

  private final KafkaSettings kafka;
  private final GroupWatch group;
  private final Supplier<String> memberId;
  private final Partitions partitions;
  private final SnapshotBoard board;

  /**
   * @param memberId what the group's coordinator calls this agent; empty while it is no member
   * @param board where the steps of runs are
   */
  Ownership(
      KafkaSettings kafka,
      GroupWatch group,
      Supplier<String> memberId,
      Partitions partitions,
      SnapshotBoard board) {
    this.kafka = kafka;
    this.group = group;
    this.memberId = memberId;
    this.partitions = partitions;
    this.board = board;
  }

  @Override
  public Answer partitions() {
    GroupWatch.Told told = group.look(PATIENCE);
    return new Answer(told.sight().map(sight -> owners(sight, told.ageSeconds())), told.trouble());
  }

  private PartitionOwners owners(GroupSight sight, double ageSeconds) {
    String ours = memberId.get();
    List<PartitionOwners.Partition> places =
        sight.partitions().stream()
            .map(
                place ->
                    new PartitionOwners.Partition(
                        place.partition(),
                        place.owner().map(member -> owner(member, member.id().equals(ours))),
                        place.lag(),
                        runs(place.partition())))
            .toList();
    return new PartitionOwners(kafka.topic(), kafka.groupId(), sight.state(), ageSeconds, places);
  }

  private static PartitionOwners.Owner owner(GroupSight.Member member, boolean thisAgent) {
    return new PartitionOwners.Owner(
        member.id(), member.clientId(), member.host(), member.instanceId(), thisAgent);
  }

  private List<PartitionOwners.Run> runs(int partition) {
    OwnedPartition place = new OwnedPartition(kafka.topic(), partition);
    return partitions.owned().stream()
        .filter(watch -> watch.place().equals(place))
        .flatMap(watch -> watch.runs().keySet().stream())
        .sorted()
        .map(this::run)
        .toList();
  }

  private PartitionOwners.Run run(String name) {
    Optional<RunSnapshot> latest = board.run(name);
    return new PartitionOwners.Run(
        name,
        latest.isPresent() ? OptionalLong.of(latest.get().step()) : OptionalLong.empty(),
        latest.isPresent() && latest.get().ended());
  }
}
