package io.fisherwatch.offending.merge;

/** Breaks the rule on what merge may use. */
public final class Offender {

  /** An arrow that is not allowed. */
  public Class<?> arrow = io.fisherwatch.cli.Main.class;
}
