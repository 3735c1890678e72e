package io.fisherwatch.offending.djl;

/** Breaks the rule on what djl may use. */
public final class Offender {

  /** An arrow that is not allowed. */
  public Class<?> arrow = io.fisherwatch.cli.Main.class;
}
