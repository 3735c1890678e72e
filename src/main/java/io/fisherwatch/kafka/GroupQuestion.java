package io.fisherwatch.kafka;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.DescribeConsumerGroupsOptions;
import org.apache.kafka.clients.admin.DescribeTopicsOptions;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsOptions;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.ListOffsetsResult;
import org.apache.kafka.clients.admin.MemberDescription;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;

/**
 * Asks the brokers who is in the group, what each member has, and how far the group is behind. The
 * same under both of Kafka's group protocols.
 */
final class GroupQuestion {

  private final Admin admin;
  private final KafkaSettings settings;
  private final int millis;

  /**
   * @param limit how long each answer may take
   */
  GroupQuestion(Admin admin, KafkaSettings settings, Duration limit) {
    this.admin = admin;
    this.settings = settings;
    this.millis = Math.toIntExact(limit.toMillis());
  }

  /**
   * Asks, and waits for the answers.
   *
   * @throws ExecutionException if a broker does not answer, or refuses
   */
  GroupSight ask() throws ExecutionException, InterruptedException {
    KafkaFuture<Map<String, ConsumerGroupDescription>> groups =
        admin
            .describeConsumerGroups(
                List.of(settings.groupId()), new DescribeConsumerGroupsOptions().timeoutMs(millis))
            .all();
    KafkaFuture<Map<TopicPartition, OffsetAndMetadata>> committed =
        admin
            .listConsumerGroupOffsets(
                settings.groupId(), new ListConsumerGroupOffsetsOptions().timeoutMs(millis))
            .partitionsToOffsetAndMetadata();
    TopicDescription topic =
        Objects.requireNonNull(
            admin
                .describeTopics(
                    List.of(settings.topic()), new DescribeTopicsOptions().timeoutMs(millis))
                .allTopicNames()
                .get()
                .get(settings.topic()));
    List<TopicPartition> places =
        topic.partitions().stream()
            .map(TopicPartitionInfo::partition)
            .sorted()
            .map(number -> new TopicPartition(settings.topic(), number))
            .toList();
    ListOffsetsResult begins = offsets(places, OffsetSpec.earliest());
    ListOffsetsResult ends = offsets(places, OffsetSpec.latest());
    ConsumerGroupDescription group = Objects.requireNonNull(groups.get().get(settings.groupId()));
    Map<TopicPartition, GroupSight.Member> owners = owners(group);
    return new GroupSight(
        group.groupState().toString(),
        places.stream()
            .map(
                place ->
                    new GroupSight.Partition(
                        place.partition(),
                        Optional.ofNullable(owners.get(place)),
                        lag(place, committed, begins, ends)))
            .toList());
  }

  private ListOffsetsResult offsets(List<TopicPartition> places, OffsetSpec which) {
    Map<TopicPartition, OffsetSpec> asked = new HashMap<>();
    places.forEach(place -> asked.put(place, which));
    // what a producer has not committed does not wait for anybody yet
    return admin.listOffsets(
        asked, new ListOffsetsOptions(IsolationLevel.READ_COMMITTED).timeoutMs(millis));
  }

  private static Map<TopicPartition, GroupSight.Member> owners(ConsumerGroupDescription group) {
    // in the order of their names, so that of two who claim a partition it is always the same
    Map<String, MemberDescription> members = new TreeMap<>();
    group.members().forEach(member -> members.put(member.consumerId(), member));
    Map<TopicPartition, GroupSight.Member> owners = new HashMap<>();
    for (MemberDescription member : members.values()) {
      GroupSight.Member owner =
          new GroupSight.Member(
              member.consumerId(),
              member.clientId(),
              member.host().replaceFirst("^/", ""),
              member.groupInstanceId());
      member.assignment().topicPartitions().forEach(place -> owners.putIfAbsent(place, owner));
    }
    return owners;
  }

  private static OptionalLong lag(
      TopicPartition place,
      KafkaFuture<Map<TopicPartition, OffsetAndMetadata>> committed,
      ListOffsetsResult begins,
      ListOffsetsResult ends) {
    try {
      OffsetAndMetadata done = committed.get().get(place);
      long from = done == null ? offset(begins, place) : done.offset();
      return OptionalLong.of(Math.max(0, offset(ends, place) - from));
    } catch (ExecutionException e) {
      return OptionalLong.empty(); // it has no leader now: who owns it is known all the same
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return OptionalLong.empty();
    }
  }

  private static long offset(ListOffsetsResult offsets, TopicPartition place)
      throws ExecutionException, InterruptedException {
    return offsets.partitionResult(place).get().offset();
  }
}
