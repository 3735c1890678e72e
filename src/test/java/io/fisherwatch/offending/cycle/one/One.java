package io.fisherwatch.offending.cycle.one;

/** Half of a cycle. */
public final class One {

  /** The other half. */
  public Class<?> two = io.fisherwatch.offending.cycle.two.Two.class;
}
