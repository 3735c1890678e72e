package io.fisherwatch.offending.agent;

/** Breaks the rule on what agent may use. */
public final class Offender {

  /** An arrow that is not allowed. */
  public Class<?> arrow = io.fisherwatch.cli.Main.class;
}
