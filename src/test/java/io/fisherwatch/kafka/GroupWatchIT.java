package io.fisherwatch.kafka;

import static io.fisherwatch.kafka.Fixture.await;
import static io.fisherwatch.kafka.Fixture.ended;
import static org.assertj.core.api.Assertions.assertThat;

import io.fisherwatch.demo.EmbeddedBroker;
import io.fisherwatch.event.Outcome;
import io.fisherwatch.kafka.Fixture.Running;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(180)
class GroupWatchIT {

  private static final Duration PATIENCE = Duration.ofSeconds(1);

  @TempDir private Path folder;

  /** Owners of all partitions by their numbers, blank for nobody. */
  private static List<String> owners(GroupWatch watch) {
    return watch.look(PATIENCE).sight().stream()
        .flatMap(sight -> sight.partitions().stream())
        .map(partition -> partition.owner().map(GroupSight.Member::id).orElse(""))
        .toList();
  }

  private static long lag(GroupWatch watch) {
    return watch.look(PATIENCE).sight().stream()
        .flatMap(sight -> sight.partitions().stream())
        .mapToLong(partition -> partition.lag().orElse(-1_000_000))
        .sum();
  }

  private static boolean shared(List<String> owners, Running... members) {
    List<String> ids = Stream.of(members).map(member -> member.source.memberId()).toList();
    return owners.size() == 4
        && ids.containsAll(owners)
        && owners.containsAll(ids)
        && Stream.of(members)
            .allMatch(
                member ->
                    owners.stream().filter(member.source.memberId()::equals).count()
                        == member.partitions());
  }

  @ParameterizedTest
  @ValueSource(strings = {"classic", "consumer"})
  void look_membersComeAndGo_tellsWhoHasWhat(String protocol) throws Exception {
    try (EmbeddedBroker broker = EmbeddedBroker.start(0, folder)) {
      Fixture kafka = new Fixture(broker, 4);
      KafkaSettings settings = kafka.settings(Map.of("group.protocol", protocol));
      kafka.publish(ended("a", 0), ended("b", 0), ended("c", 0));
      try (GroupWatch watch = new GroupWatch(settings);
          Running stays = new Running(settings, event -> Outcome.PROCESSED)) {
        await("one has all", () -> shared(owners(watch), stays));
        await("nothing waits", () -> lag(watch) == 0);
        assertThat(watch.look(PATIENCE).sight().orElseThrow().state())
            .isEqualToIgnoringCase("stable");
        try (Running goes = new Running(settings, event -> Outcome.PROCESSED)) {
          await("two share", () -> shared(owners(watch), stays, goes));
        }
        await("one has all again", () -> shared(owners(watch), stays));
        GroupSight.Member member =
            watch.look(PATIENCE).sight().orElseThrow().partitions().get(0).owner().orElseThrow();
        assertThat(member.host()).isEqualTo("127.0.0.1");
        assertThat(member.clientId()).isNotBlank();
        assertThat(member.instanceId()).isEmpty();
      }
      kafka.publish(ended("a", 1), ended("b", 1));
      try (GroupWatch watch = new GroupWatch(settings)) {
        await("two wait", () -> lag(watch) == 2);
        assertThat(owners(watch)).containsOnly("");
      }
    }
  }

  @Test
  void look_nothingEverCommitted_countsAllThereIs() throws Exception {
    try (EmbeddedBroker broker = EmbeddedBroker.start(0, folder)) {
      Fixture kafka = new Fixture(broker, 4);
      KafkaSettings settings = kafka.settings(Map.of("group.instance.id", "first"));
      kafka.publish(ended("a", 0), ended("b", 0), ended("c", 0));
      try (GroupWatch watch = new GroupWatch(settings);
          Running held =
              new Running(
                  settings,
                  event -> {
                    await("let go", () -> Thread.currentThread().isInterrupted());
                    return Outcome.PROCESSED;
                  })) {
        await("it has all", () -> shared(owners(watch), held));
        assertThat(lag(watch)).isEqualTo(3);
        assertThat(
                watch.look(PATIENCE).sight().orElseThrow().partitions().get(0).owner().stream()
                    .flatMap(member -> member.instanceId().stream()))
            .containsExactly("first");
      }
    }
  }

  @Test
  void look_brokerGoesAway_keepsWhatItSaidWithItsAge() throws Exception {
    EmbeddedBroker broker = EmbeddedBroker.start(0, folder);
    try {
      Fixture kafka = new Fixture(broker, 4);
      KafkaSettings settings = kafka.settings();
      try (GroupWatch watch = new GroupWatch(settings)) {
        try (Running member = new Running(settings, event -> Outcome.PROCESSED)) {
          await("it has all", () -> shared(owners(watch), member));
          assertThat(watch.look(PATIENCE).trouble()).isEmpty();
        }
        broker.close();
        await("it says so", () -> watch.look(PATIENCE).trouble().isPresent());
        GroupWatch.Told after = watch.look(PATIENCE);
        assertThat(after.trouble().orElseThrow()).contains("no answer from Kafka");
        assertThat(after.sight()).isPresent();
        assertThat(after.ageSeconds()).isGreaterThan(2);
        long start = System.nanoTime();
        for (int i = 0; i < 20; i++) {
          assertThat(watch.look(Duration.ofMinutes(5)).sight()).isPresent();
        }
        assertThat(1e-9 * (System.nanoTime() - start))
            .as("once it has failed nobody waits for it")
            .isLessThan(30);
      }
    } finally {
      broker.close();
    }
  }

  @Test
  void look_noBroker_saysWhy() throws Exception {
    int port;
    try (ServerSocket socket = new ServerSocket(0)) {
      port = socket.getLocalPort();
    }
    KafkaSettings settings = new KafkaSettings("127.0.0.1:" + port, "t", "t.dlq", "g", Map.of());
    try (GroupWatch watch = new GroupWatch(settings)) {
      assertThat(watch.look(Duration.ZERO))
          .as("nobody waits who does not want to")
          .isEqualTo(new GroupWatch.Told(Optional.empty(), Double.NaN, Optional.empty()));
      await("it says so", () -> watch.look(PATIENCE).trouble().isPresent());
      assertThat(watch.look(PATIENCE).trouble().orElseThrow())
          .contains("no answer from Kafka at 127.0.0.1:" + port + " about the group g");
    }
  }
}
