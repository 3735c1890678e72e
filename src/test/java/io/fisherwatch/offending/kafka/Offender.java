package io.fisherwatch.offending.kafka;

/** Breaks the rule on what kafka may use. */
public final class Offender {

  /** An arrow that is not allowed. */
  public Class<?> arrow = io.fisherwatch.cli.Main.class;
}
