package io.fisherwatch.offending.web;

/** Breaks the rule on what web may use. */
public final class Offender {

  /** An arrow that is not allowed. */
  public Class<?> arrow = io.fisherwatch.cli.Main.class;

  /** What only cli touches. */
  public Class<?> logback = ch.qos.logback.classic.Logger.class;
}
