package io.fisherwatch.likelihood;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ProbesTest {

  @ParameterizedTest
  @EnumSource(Distribution.class)
  void of_isTheProbeOfTheWholeKey(Distribution distribution) {
    Probes probes = new Probes(distribution, 7, -1);
    for (long place = -1; place < 3; place++) {
      Probe whole = Probe.of(distribution, 7, -1, place, 2, Long.MAX_VALUE);
      Probe found = probes.of(place, 2, Long.MAX_VALUE);
      for (int draw = 0; draw < 20; draw++) {
        assertThat(found.next()).isEqualTo(whole.next());
      }
    }
  }
}
