package io.fisherwatch.djl;

import static org.assertj.core.api.Assertions.assertThat;

import io.fisherwatch.estimate.FloatHistogram;
import java.nio.IntBuffer;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class HostHistogramTest {

  private static final float[] SPECIAL = {
    0f,
    -0f,
    Float.MIN_VALUE,
    -Float.MIN_VALUE,
    Math.nextDown(Float.MIN_NORMAL),
    Float.MIN_NORMAL,
    1f,
    -1f,
    Float.MAX_VALUE,
    Float.POSITIVE_INFINITY,
    Float.NEGATIVE_INFINITY,
    Float.NaN
  };

  @Test
  void add_anyPattern_countsAsOneByOne() {
    SplittableRandom random = new SplittableRandom(3);
    int[] patterns = random.ints(200_000).toArray();
    for (int i = 0; i < SPECIAL.length; i++) {
      patterns[i] = Float.floatToRawIntBits(SPECIAL[i]);
    }
    FloatHistogram oneByOne = FloatHistogram.empty();
    for (int pattern : patterns) {
      oneByOne.add(Float.intBitsToFloat(pattern));
    }
    HostHistogram histogram = new HostHistogram();
    histogram.add(IntBuffer.wrap(patterns));
    assertThat(FloatHistogram.of(histogram.counts()))
        .usingRecursiveComparison()
        .isEqualTo(oneByOne);
  }
}
