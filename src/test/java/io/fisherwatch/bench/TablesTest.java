package io.fisherwatch.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TablesTest {

  @Test
  void fit_powers_findsTheExponent() {
    PowerLaw law = PowerLaw.fit(new double[] {1, 10, 100, 0}, new double[] {3, 30, 300, 5});
    assertThat(law.exponent()).isCloseTo(1, within(1e-12));
    assertThat(law.factor()).isCloseTo(3, within(1e-12));
    assertThat(PowerLaw.fit(new double[] {4, 9}, new double[] {2, 3}).exponent())
        .isCloseTo(0.5, within(1e-12));
  }

  @Test
  void fit_onePoint_hasNoExponent() {
    assertThat(PowerLaw.fit(new double[] {2}, new double[] {3}).exponent()).isNaN();
  }

  @Test
  void table_rows_areMarkdown() {
    assertThat(new Table("a", "b").row("1", "2"))
        .hasToString("| a | b |\n| --- | --- |\n| 1 | 2 |\n");
    assertThatThrownBy(() -> new Table("a").row("1", "2"))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @ParameterizedTest
  @CsvSource({
    "0.5,0.500",
    "1.05,1.05",
    "20,20",
    "12.34,12.3",
    "345.6,346",
    "NaN,–",
    "1e-5,1.00e-05"
  })
  void number_any_hasThreeDigits(double value, String text) {
    assertThat(Numbers.of(value)).isEqualTo(text);
  }

  @Test
  void seconds_any_haveTheirUnit() {
    assertThat(Numbers.seconds(2e-6)).isEqualTo("2 µs");
    assertThat(Numbers.seconds(0.25)).isEqualTo("250 ms");
    assertThat(Numbers.seconds(3)).isEqualTo("3 s");
  }

  @Test
  void goal_bounds_areMetOnTheRightSide() {
    assertThat(Goal.atMost("s", "f", 1.5, 1.5, " ×").met()).isTrue();
    assertThat(Goal.atMost("s", "f", 1.5, 1.6, " ×").met()).isFalse();
    assertThat(Goal.atLeast("s", "f", 0.8, 0.7, " ×").row())
        .isEqualTo("| s | f | ≥ 0.800 × | 0.700 × | **not met** |\n");
    assertThat(Goal.atMost("s", "f", 1.1, Double.NaN, "").met()).isFalse();
  }
}
