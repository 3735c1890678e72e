package io.fisherwatch.offending.cycle.two;

/** Half of a cycle. */
public final class Two {

  /** The other half. */
  public Class<?> one = io.fisherwatch.offending.cycle.one.One.class;
}
