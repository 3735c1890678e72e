package io.fisherwatch.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class RoundsTest {

  private long now;
  private final List<String> order = new ArrayList<>();

  private Rounds.Work work(String name, double... seconds) {
    int[] run = new int[1];
    return () -> {
      order.add(name);
      now += (long) (1e9 * seconds[Math.min(run[0]++, seconds.length - 1)]);
    };
  }

  @Test
  void run_works_byTurnsAfterAWarmUp() throws Exception {
    new Rounds(() -> now).add("floor", work("floor", 4)).add("ours", work("ours", 5)).run(2);
    assertThat(order).containsExactly("floor", "ours", "floor", "ours", "floor", "ours");
  }

  @Test
  void ratio_rounds_isTheMedianOfRatiosNotTheRatioOfMedians() throws Exception {
    Rounds rounds =
        new Rounds(() -> now)
            .add("floor", work("floor", 3, 1, 4, 2))
            .add("ours", work("ours", 3, 2, 20, 3))
            .run(3);
    Rounds.Ratio ratio = rounds.ratio("ours", "floor");
    assertThat(ratio.median()).isEqualTo(2);
    assertThat(ratio.least()).isEqualTo(1.5);
    assertThat(ratio.most()).isEqualTo(5);
    assertThat(rounds.median("ours") / rounds.median("floor")).isEqualTo(1.5);
  }

  @Test
  void run_shortWork_isRepeatedUntilTheClockCanTell() throws Exception {
    Rounds rounds = new Rounds(() -> now).add("short", work("short", 0x1p-6)).run(1);
    assertThat(rounds.median("short")).isCloseTo(0x1p-6, within(1e-9));
    assertThat(order).hasSize(192 + 7 + 7);
  }

  @Test
  void quantile_values_areInterpolated() {
    assertThat(Rounds.quantile(0.5, 4, 1, 3, 2)).isEqualTo(2.5);
    assertThat(Rounds.quantile(0.99, 0, 100)).isCloseTo(99, within(1e-9));
    assertThat(Rounds.median(7)).isEqualTo(7);
  }
}
