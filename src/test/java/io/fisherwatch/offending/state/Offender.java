package io.fisherwatch.offending.state;

/** Breaks the rule on what safetensors may use. */
public final class Offender {

  /** An arrow that is not allowed. */
  public Class<?> arrow = io.fisherwatch.cli.Main.class;
}
