package io.fisherwatch.merge;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Optional;
import org.apache.kafka.streams.KafkaStreams.State;
import org.junit.jupiter.api.Test;

class StreamsHealthTest {

  private final StreamsHealth health = new StreamsHealth();

  private String reason() {
    return health.notReadyReason().orElse("ready");
  }

  @Test
  void application_thatRunsOnItsTopics_isReady() {
    assertThat(reason()).contains("looking for its topics");
    health.topics(Optional.of("topic x does not exist"));
    assertThat(reason()).isEqualTo("topic x does not exist");
    health.topics(Optional.empty());
    health.state(State.REBALANCING);
    assertThat(reason()).contains("restoring the shares");
    health.state(State.RUNNING);
    assertThat(reason()).isEqualTo("ready");
    health.stopping();
    assertThat(reason()).isEqualTo("stopping");
  }

  @Test
  void thread_thatFails_isToldOfUntilItsReplacementRuns() {
    health.topics(Optional.empty());
    health.state(State.RUNNING);
    health.failed(new IllegalStateException("wrapped", new IllegalArgumentException("the cause")));
    assertThat(reason()).contains("is replaced", "the cause");
    health.state(State.REBALANCING);
    assertThat(reason()).contains("the cause");
    health.state(State.RUNNING);
    assertThat(reason()).isEqualTo("ready");
  }

  @Test
  void topic_thatGoesWhileItRuns_isToldOf() {
    health.topics(Optional.empty());
    health.state(State.RUNNING);
    health.topics(Optional.of("topic x does not exist"));
    assertThat(reason()).isEqualTo("topic x does not exist");
  }
}
