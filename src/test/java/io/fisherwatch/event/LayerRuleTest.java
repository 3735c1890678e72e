package io.fisherwatch.event;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.re2j.Pattern;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Patterns from a stream take bounded memory and time. */
@Timeout(60)
class LayerRuleTest {

  private static final List<String> PIECES =
      List.of(
          "a",
          "b",
          ".",
          "*",
          "+",
          "?",
          "(",
          ")",
          "[",
          "]",
          "^",
          "$",
          "|",
          "{2}",
          "{3,}",
          "{0,9}",
          "{1000}",
          "\\",
          "\\pL",
          "\\P{Greek}",
          "\\d",
          "(?i)",
          "(?:",
          "(?P<n>",
          "[^a-",
          "\\Q",
          "\\E",
          "\\x{1F600}",
          "\u00e9",
          "\ud83d",
          "{",
          "}",
          ",",
          "-",
          "[[:word:]]",
          "\\b",
          "??",
          "*?");

  @ParameterizedTest
  @ValueSource(
      strings = {
        "(((a{100}){100}){100}){10}",
        "(a{1000}){1000}",
        "(a?){1000}(a?){1000}",
        "((a{0,30}){0,30}){0,30}",
        "(?:(?:a{11}){11})",
        "a{101}",
        "a{999999999}",
      })
  void rule_manyRepetitions_isRefused(String match) {
    assertThatThrownBy(() -> new LayerRule("x", match))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("counted repetitions");
  }

  @ParameterizedTest
  @ValueSource(strings = {"(?i)[a-\\x{1F600}]", "(?s-i:\\pL)(?i)a", "(?i)[a-\u9999]", "(?i)\\177"})
  void rule_foldingBeyondAscii_isRefused(String match) {
    assertThatThrownBy(() -> new LayerRule("x", match))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("only ASCII");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "(?i)^Layer[0-9]",
        "(?P<in>\\x{9999})",
        "[a-\\x{1F600}]",
        "layers\\.\\d{1,2}\\.",
        "a{10}b{10}",
        "\\x{1000}",
        "^h\\.[0-5]\\."
      })
  void rule_ordinary_isTaken(String match) {
    assertThatCode(() -> new LayerRule("x", match)).doesNotThrowAnyException();
  }

  @Test
  void checkpoint_patternsTooLargeTogether_isRefused() {
    LayerRule large = new LayerRule("x", "\\pL".repeat(160));
    assertThatThrownBy(() -> checkpoint(Collections.nCopies(1000, large)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("too large together");
    LayerRule longest = new LayerRule("x", "x".repeat(500));
    assertThat(checkpoint(Collections.nCopies(1000, longest)).layers()).hasSize(1000);
  }

  @Test
  void decode_patternsTooLargeTogether_isRefusedBeforeTheyAreCompiled() {
    String rule = "{\"name\":\"a\",\"match\":\"" + "\\\\pL".repeat(160) + "\"}";
    String body =
        "{\"run\":\"a\",\"step\":0,\"graph\":{\"uri\":\"file:///g\"},\"inputs\":[\"x\"],\"layers\":["
            + String.join(",", Collections.nCopies(900, rule))
            + "]}";
    EventMessage good = CloudEventCodec.encode(checkpoint(List.of()));
    long start = System.nanoTime();
    assertThatThrownBy(
            () ->
                CloudEventCodec.decode(
                    new EventMessage(
                        good.key(), body.getBytes(StandardCharsets.UTF_8), good.headers())))
        .isInstanceOf(RejectedEventException.class)
        .hasMessageContaining("too large together");
    assertThat((System.nanoTime() - start) / 1e9).as("seconds").isLessThan(5);
  }

  private static CheckpointEvent checkpoint(List<LayerRule> rules) {
    return new CheckpointEvent(
        "a",
        0,
        new FileReference("file:///g", Optional.empty()),
        Optional.empty(),
        List.of("x"),
        LogitsSelector.FIRST,
        LikelihoodSpec.CATEGORICAL,
        rules,
        new Origin("urn:test", "1", Optional.empty()));
  }

  @Test
  void rule_randomPatterns_areTakenOrRefusedInBoundedTime() {
    Random random = new Random(20261124);
    String name = "transformer.layer.0.attention.weight".repeat(10);
    int taken = 0;
    for (int i = 0; i < 3_000; i++) {
      StringBuilder match = new StringBuilder();
      for (int pieces = 1 + random.nextInt(40); pieces > 0; pieces--) {
        match.append(PIECES.get(random.nextInt(PIECES.size())));
      }
      long start = System.nanoTime();
      if (PatternCost.of(match.toString()) > PatternCost.MOST) {
        continue; // refused before it gets here
      }
      try {
        LayerRule rule = new LayerRule("x", match.toString());
        taken += Pattern.compile(rule.match()).matcher(name).find() ? 1 : 0;
      } catch (IllegalArgumentException e) {
        assertThat(e.getMessage()).startsWith("match ");
      } catch (Throwable e) {
        throw new AssertionError("pattern " + i + ", " + match + ", gave " + e, e);
      }
      assertThat((System.nanoTime() - start) / 1e9).as(match.toString()).isLessThan(5);
    }
    assertThat(taken).isPositive();
  }
}
