package io.fisherwatch.offending.safetensors;

/** Breaks the rule on what safetensors may use. */
public final class Offender {

  /** An arrow that is not allowed. */
  public Class<?> arrow = io.fisherwatch.cli.Main.class;
}
