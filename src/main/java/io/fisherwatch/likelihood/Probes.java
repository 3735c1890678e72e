package io.fisherwatch.likelihood;

/**
 * The probes whose keys begin with the same words, which are absorbed once, and end with three
 * more. Immutable.
 */
public final class Probes {

  private static final int LAST = 3;

  private final Distribution distribution;
  private final long state;

  /**
   * @param first what all keys begin with
   */
  public Probes(Distribution distribution, long... first) {
    this.distribution = distribution;
    this.state = Probe.start(first.length + LAST, first);
  }

  /** The same as {@link Probe#of} of the first words and these. */
  public Probe of(long a, long b, long c) {
    return new Probe(distribution, Probe.absorb(Probe.absorb(Probe.absorb(state, a), b), c));
  }
}
