package io.fisherwatch.offending.cli;

/** Breaks the rule on what cli may use. */
public final class Offender {

  /** An arrow that is not allowed. */
  public Class<?> arrow = io.fisherwatch.kafka.KafkaSettings.class;
}
