package io.fisherwatch.offending.estimate;

/** Breaks the rule on what estimate may use. */
public final class Offender {

  /** An arrow that is not allowed. */
  public Class<?> arrow = io.fisherwatch.cli.Main.class;
}
