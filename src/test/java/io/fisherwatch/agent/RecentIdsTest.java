package io.fisherwatch.agent;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class RecentIdsTest {

  @Test
  void seen_amongTheLastTenThousand_isRemembered() {
    RecentIds recent = new RecentIds();
    for (int i = 0; i < 10_000; i++) {
      assertThat(recent.seen("job", Integer.toString(i))).isFalse();
    }
    assertThat(recent.seen("job", "0")).isTrue();
    assertThat(recent.seen("other", "0")).isFalse();
    assertThat(recent.seen("job", "0")).isFalse(); // pushed out by the one before
    assertThat(recent.seen("job", "9999")).isTrue();
  }
}
