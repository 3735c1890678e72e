package io.fisherwatch.offending.bench;

/** Breaks the rule on what bench may use. */
public final class Offender {

  /** An arrow that is not allowed. */
  public Class<?> arrow = io.fisherwatch.cli.Main.class;
}
