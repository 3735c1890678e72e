package io.fisherwatch.offending.monitor;

/** Breaks the rule on what monitor may use. */
public final class Offender {

  /** An arrow that is not allowed. */
  public Class<?> arrow = io.fisherwatch.cli.Main.class;
}
