package io.fisherwatch.offending.prometheus;

/** Breaks the rule on what prometheus may use. */
public final class Offender {

  /** An arrow that is not allowed. */
  public Class<?> arrow = io.fisherwatch.cli.Main.class;
}
