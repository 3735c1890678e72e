package io.fisherwatch.kafka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class KafkaSettingsTest {

  @ParameterizedTest
  @ValueSource(
      strings = {
        "enable.auto.commit",
        "auto.offset.reset",
        "acks",
        "group.id",
        "bootstrap.servers"
      })
  void create_propertyThatIsOurs_isRefused(String property) {
    assertThatThrownBy(() -> settings("t", Map.of(property, "x")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(property);
  }

  @Test
  void create_deadLettersIntoTheTopicItself_isRefused() {
    assertThatThrownBy(() -> settings("t.dlq", Map.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("t.dlq");
  }

  @Test
  void toString_secrets_areNotShown() {
    assertThat(settings("t", Map.of("sasl.jaas.config", "secret")))
        .asString()
        .contains("sasl.jaas.config")
        .doesNotContain("secret");
  }

  private static KafkaSettings settings(String topic, Map<String, String> properties) {
    return new KafkaSettings("localhost:9092", topic, "t.dlq", "g", properties);
  }
}
