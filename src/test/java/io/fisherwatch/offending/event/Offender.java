package io.fisherwatch.offending.event;

/** Breaks the rule on what event may use. */
public final class Offender {

  /** An arrow that is not allowed. */
  public Class<?> arrow = io.fisherwatch.cli.Main.class;
}
