package io.fisherwatch.offending.files;

/** Breaks the rule on what files may use. */
public final class Offender {

  /** An arrow that is not allowed. */
  public Class<?> arrow = io.fisherwatch.cli.Main.class;
}
