package io.fisherwatch.offending.demo;

/** Breaks the rule on what demo may use. */
public final class Offender {

  /** An arrow that is not allowed. */
  public Class<?> arrow = io.fisherwatch.cli.Main.class;
}
