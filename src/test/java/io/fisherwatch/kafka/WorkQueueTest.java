package io.fisherwatch.kafka;

import static org.assertj.core.api.Assertions.assertThat;

import io.fisherwatch.kafka.WorkQueue.Work;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(10)
class WorkQueueTest {

  private static final TopicPartition P0 = new TopicPartition("t", 0);
  private static final TopicPartition P1 = new TopicPartition("t", 1);
  private static final List<TopicPartition> BOTH = List.of(P0, P1);

  private final WorkQueue queue = new WorkQueue();

  @Test
  void take_recordsOfTwoPartitions_keepsTheOrder() throws Exception {
    queue.claim(BOTH);
    queue.add(List.of(record(P0, 5), record(P1, 9), record(P0, 6)));
    assertThat(List.of(next(), next(), next()))
        .extracting(work -> work.record().offset())
        .containsExactly(5L, 9L, 6L);
  }

  @Test
  void add_partitionWithoutClaim_isLeftOut() {
    queue.claim(List.of(P0));
    queue.add(List.of(record(P1, 0)));
    assertThat(queue.size()).isZero();
  }

  @Test
  void submit_processedRecord_isTheOffsetAfterItOnce() throws Exception {
    queue.claim(BOTH);
    queue.add(List.of(record(P0, 5), record(P1, 9)));
    queue.processed(next());
    assertThat(queue.submit())
        .containsOnlyKeys(P0)
        .extractingByKey(P0)
        .returns(6L, o -> o.offset());
    assertThat(queue.submit()).isEmpty();
  }

  @Test
  void resubmit_failedCommit_isSubmittedAgain() throws Exception {
    queue.claim(BOTH);
    queue.add(List.of(record(P0, 5)));
    queue.processed(next());
    queue.resubmit(queue.submit());
    assertThat(queue.submit()).containsOnlyKeys(P0);
  }

  @Test
  void abandoned_record_isNotCommitted() throws Exception {
    queue.claim(BOTH);
    queue.add(List.of(record(P0, 5)));
    next();
    queue.abandoned();
    assertThat(queue.processed(BOTH)).isEmpty();
    assertThat(queue.awaitIdle(Duration.ZERO)).isTrue();
  }

  @Test
  void processed_underAnOldClaim_saysNothingOfTheNewOne() throws Exception {
    queue.claim(List.of(P0));
    queue.add(List.of(record(P0, 5)));
    Work old = next();
    queue.release(List.of(P0));
    queue.claim(List.of(P0));
    queue.processed(old);
    assertThat(queue.submit()).isEmpty();
    assertThat(queue.processed(BOTH)).isEmpty();
  }

  @Test
  void drop_onePartition_keepsTheOther() throws Exception {
    queue.claim(BOTH);
    queue.add(List.of(record(P0, 5), record(P1, 9), record(P0, 6)));
    queue.drop(List.of(P0));
    assertThat(next().record().offset()).isEqualTo(9);
    assertThat(queue.size()).isEqualTo(1);
  }

  @Test
  void awaitNoneOf_recordInHand_waitsForItsPartitionOnly() throws Exception {
    queue.claim(BOTH);
    queue.add(List.of(record(P0, 5)));
    Work work = next();
    assertThat(queue.awaitNoneOf(List.of(P1), Duration.ZERO)).isTrue();
    assertThat(queue.awaitNoneOf(List.of(P0), Duration.ofMillis(20))).isFalse();
    queue.processed(work);
    assertThat(queue.awaitNoneOf(List.of(P0), Duration.ZERO)).isTrue();
  }

  @Test
  void close_recordsWaiting_handsOutNothingMore() throws Exception {
    queue.claim(BOTH);
    queue.add(List.of(record(P0, 5)));
    queue.close();
    assertThat(queue.take(Duration.ofSeconds(5))).isNull();
  }

  @Test
  void fail_error_endsTheWork() throws Exception {
    Error error = new OutOfMemoryError("pretended");
    queue.fail(error);
    assertThat(queue.failure()).isSameAs(error);
    assertThat(queue.take(Duration.ofSeconds(5))).isNull();
  }

  private Work next() throws InterruptedException {
    return Objects.requireNonNull(queue.take(Duration.ofSeconds(5)));
  }

  private static ConsumerRecord<byte[], byte[]> record(TopicPartition partition, long offset) {
    return new ConsumerRecord<>(
        partition.topic(), partition.partition(), offset, new byte[0], new byte[0]);
  }
}
