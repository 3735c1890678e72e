package io.fisherwatch.djl;

/** Where the tests of the estimator run: {@code FISHERWATCH_DEVICE}, or the CPU. */
public final class TestDevice {

  /** As {@code estimate --device} takes it. */
  public static final String NAME = System.getenv().getOrDefault("FISHERWATCH_DEVICE", "cpu");

  private TestDevice() {}
}
