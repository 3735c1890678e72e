package io.fisherwatch.offending.config;

/** Breaks the rule on what config may use. */
public final class Offender {

  /** An arrow that is not allowed. */
  public Class<?> arrow = io.fisherwatch.cli.Main.class;
}
