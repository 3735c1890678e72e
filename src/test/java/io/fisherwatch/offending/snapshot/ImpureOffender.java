package io.fisherwatch.offending.snapshot;

/** A pure room that knows a library. */
public final class ImpureOffender {

  /** The library. */
  public Class<?> library = org.slf4j.Logger.class;
}
