package io.fisherwatch.kafka;

import java.util.concurrent.TimeUnit;

/** Waits longer from failure to failure, within bounds: what tries again does not spin. */
public final class Backoff {

  private static final long FIRST_MILLIS = 500;
  private static final long LONGEST_MILLIS = 10_000;

  private long next = FIRST_MILLIS;

  /** Waits after a failure. */
  public void await() throws InterruptedException {
    TimeUnit.MILLISECONDS.sleep(advance());
  }

  /** How long to wait after one more failure, in milliseconds. */
  public long advance() {
    long millis = next;
    next = Math.min(2 * next, LONGEST_MILLIS);
    return millis;
  }

  /** It works again. */
  public void reset() {
    next = FIRST_MILLIS;
  }
}
