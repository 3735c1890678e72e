package io.fisherwatch.likelihood;

/**
 * Random numbers that are a pure function of a key: no state is shared, and the same key gives the
 * same numbers whatever else is done, in whatever order.
 *
 * <p>The key's words are absorbed one after another by the finaliser of SplitMix64 (Steele, Lea and
 * Flood 2014), which then runs as a counter. For one thread.
 */
public final class Probe {

  private static final long GOLDEN_GAMMA = 0x9e3779b97f4a7c15L;

  /** The bits of 1.0, of which the highest is its sign. */
  private static final long ONE = 0x3ff0000000000000L;

  private final Distribution distribution;
  private long state;
  private double spare = Double.NaN;

  Probe(Distribution distribution, long state) {
    this.distribution = distribution;
    this.state = state;
  }

  /** The probe of a key. */
  public static Probe of(Distribution distribution, long... key) {
    return new Probe(distribution, start(key.length, key));
  }

  /** The state of a key of so many words once the first of them are absorbed. */
  static long start(int length, long... first) {
    long state = mix(GOLDEN_GAMMA ^ length);
    for (long word : first) {
      state = absorb(state, word);
    }
    return state;
  }

  static long absorb(long state, long word) {
    return mix(state + GOLDEN_GAMMA + mix(word + GOLDEN_GAMMA));
  }

  /** The next number of the distribution. */
  public double next() {
    return distribution == Distribution.RADEMACHER ? sign() : gaussian();
  }

  /** −1 or 1, whatever the distribution. */
  public double sign() {
    return Double.longBitsToDouble(
        ONE | (bits() & Long.MIN_VALUE)); // a branch would be a coin toss
  }

  /** Uniform on [0, 1). */
  public double uniform() {
    return (bits() >>> 11) * 0x1p-53;
  }

  /** Marsaglia's polar method, which gives two at a time. */
  private double gaussian() {
    if (!Double.isNaN(spare)) {
      double kept = spare;
      spare = Double.NaN;
      return kept;
    }
    while (true) {
      double x = 2 * uniform() - 1;
      double y = 2 * uniform() - 1;
      double square = x * x + y * y;
      if (square > 0 && square < 1) {
        double scale = Math.sqrt(-2 * Math.log(square) / square);
        spare = y * scale;
        return x * scale;
      }
    }
  }

  private long bits() {
    state += GOLDEN_GAMMA;
    return mix(state);
  }

  private static long mix(long value) {
    long z = value;
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }
}
