package io.fisherwatch.offending.runtime;

/** Breaks the rule on what runtime may use. */
public final class Offender {

  /** An arrow that is not allowed. */
  public Class<?> arrow = io.fisherwatch.cli.Main.class;
}
