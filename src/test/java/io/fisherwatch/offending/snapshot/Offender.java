package io.fisherwatch.offending.snapshot;

/** Breaks the rule on what snapshot may use. */
public final class Offender {

  /** An arrow that is not allowed. */
  public Class<?> arrow = io.fisherwatch.cli.Main.class;
}
