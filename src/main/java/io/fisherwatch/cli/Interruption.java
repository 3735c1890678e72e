package io.fisherwatch.cli;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Turns SIGTERM and Ctrl-C into an interruption of the thread that made it, and holds the JVM until
 * that thread has cleaned up, 10 seconds at most.
 */
final class Interruption implements AutoCloseable {

  private static final long PATIENCE_SECONDS = 25;

  private final CountDownLatch done = new CountDownLatch(1);
  private final Thread hook;

  private Interruption(Runnable stop) {
    this.hook =
        new Thread(
            () -> {
              stop.run();
              try {
                done.await(PATIENCE_SECONDS, TimeUnit.SECONDS);
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            },
            "fisherwatch-shutdown");
  }

  /** Interrupts the calling thread on shutdown. */
  static Interruption onShutdown() {
    Thread caller = Thread.currentThread();
    return onShutdown(caller::interrupt);
  }

  /** Runs something on shutdown, and waits for {@link #close()}. */
  static Interruption onShutdown(Runnable stop) {
    Interruption interruption = new Interruption(stop);
    Runtime.getRuntime().addShutdownHook(interruption.hook);
    return interruption;
  }

  @Override
  public void close() {
    done.countDown();
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      return; // the JVM is shutting down: the hook is running, and has been told
    }
  }
}
