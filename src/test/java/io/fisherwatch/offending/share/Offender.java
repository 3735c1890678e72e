package io.fisherwatch.offending.share;

/** Breaks the rule on what share may use. */
public final class Offender {

  /** An arrow that is not allowed. */
  public Class<?> arrow = io.fisherwatch.cli.Main.class;
}
