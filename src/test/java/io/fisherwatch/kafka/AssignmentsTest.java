package io.fisherwatch.kafka;

import static org.assertj.core.api.Assertions.assertThat;

import io.fisherwatch.event.EndedEvent;
import io.fisherwatch.event.EventListener;
import io.fisherwatch.kafka.WorkQueue.Work;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.OptionalLong;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(10)
class AssignmentsTest {

  private static final TopicPartition P0 = new TopicPartition("t", 0);
  private static final List<TopicPartition> ONE = List.of(P0);

  private final MockConsumer<byte[], byte[]> consumer = new MockConsumer<>("none");
  private final WorkQueue queue = new WorkQueue();
  private final List<String> heard = new ArrayList<>();
  private final EventListener listener =
      new EventListener() {
        @Override
        public void ended(EndedEvent event) {}

        @Override
        public void lag(long records) {}

        @Override
        public OptionalLong assigned(String topic, int partition, long assignment) {
          heard.add("assigned " + partition);
          return OptionalLong.empty();
        }

        @Override
        public void leaving(String topic, int partition) {
          heard.add("leaving " + partition + ", " + queue.size() + " in hand");
        }

        @Override
        public void lost(String topic, int partition) {
          heard.add("lost " + partition);
        }

        @Override
        public void released(String topic, int partition) {
          heard.add("released " + partition + " at " + committed());
        }
      };

  @BeforeEach
  void assign() {
    consumer.assign(ONE);
  }

  @Test
  void revoked_workDone_commitsBeforeItIsReleased() throws Exception {
    Assignments assignments = assignments(Duration.ZERO);
    process(assignments);
    assignments.onPartitionsRevoked(ONE);
    assertThat(heard).containsExactly("assigned 0", "leaving 0, 0 in hand", "released 0 at 6");
    assertThat(queue.processed(ONE)).isEmpty();
  }

  @Test
  void lost_workDone_commitsNothing() throws Exception {
    Assignments assignments = assignments(Duration.ZERO);
    process(assignments);
    assignments.onPartitionsLost(ONE);
    assertThat(heard).containsExactly("assigned 0", "lost 0");
    assertThat(committed()).isEqualTo(-1);
  }

  @Test
  void lost_recordInHand_cannotBeCommittedLater() throws Exception {
    Assignments assignments = assignments(Duration.ZERO);
    Work work = begin(assignments);
    assignments.onPartitionsLost(ONE);
    queue.processed(work);
    assertThat(queue.submit()).isEmpty();
  }

  @Test
  void revoked_recordInHand_isWaitedForAndCommitted() throws Exception {
    Assignments assignments = assignments(Duration.ofSeconds(5));
    Work work = begin(assignments);
    Thread worker =
        new Thread(
            () -> {
              try {
                Thread.sleep(200);
              } catch (InterruptedException e) {
                throw new IllegalStateException(e);
              }
              queue.processed(work);
            });
    worker.start();
    assignments.onPartitionsRevoked(ONE);
    worker.join();
    assertThat(committed()).isEqualTo(6);
    assertThat(heard).as("told before it is waited for").contains("leaving 0, 1 in hand");
  }

  @Test
  void revoked_recordThatTakesTooLong_isNotCommitted() throws Exception {
    Assignments assignments = assignments(Duration.ofMillis(50));
    Work work = begin(assignments);
    assignments.onPartitionsRevoked(ONE);
    queue.processed(work);
    assertThat(committed()).isEqualTo(-1);
    assertThat(queue.submit()).isEmpty();
  }

  private Assignments assignments(Duration patience) {
    return new Assignments(consumer, queue, listener, patience);
  }

  private Work begin(Assignments assignments) throws InterruptedException {
    assignments.onPartitionsAssigned(ONE);
    queue.add(List.of(new ConsumerRecord<>("t", 0, 5, new byte[0], new byte[0])));
    return Objects.requireNonNull(queue.take(Duration.ofSeconds(5)));
  }

  private void process(Assignments assignments) throws InterruptedException {
    queue.processed(begin(assignments));
  }

  private long committed() {
    var offset = consumer.committed(Set.of(P0)).get(P0);
    return offset == null ? -1 : offset.offset();
  }
}
