package io.fisherwatch.offending.likelihood;

/** Breaks the rule on what likelihood may use. */
public final class Offender {

  /** An arrow that is not allowed. */
  public Class<?> arrow = io.fisherwatch.cli.Main.class;
}
