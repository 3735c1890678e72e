package io.fisherwatch.cli;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Tells a command of SIGTERM and Ctrl-C, and holds the JVM until the command has cleaned up, within
 * bounds.
 */
final class Interruption implements AutoCloseable {

  private static final Duration PATIENCE = Duration.ofSeconds(25);

  private final CountDownLatch done = new CountDownLatch(1);
  private final Thread hook;

  private Interruption(Runnable stop, Duration patience) {
    this.hook =
        new Thread(
            () -> {
              stop.run();
              try {
                done.await(patience.toMillis(), TimeUnit.MILLISECONDS);
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            },
            "fisherwatch-shutdown");
  }

  /** Runs something on shutdown, and then waits for {@link #close()}, 25 seconds at most. */
  static Interruption onShutdown(Runnable stop) {
    return onShutdown(stop, PATIENCE);
  }

  /** Runs something on shutdown, and then waits so long at most for {@link #close()}. */
  static Interruption onShutdown(Runnable stop, Duration patience) {
    Interruption interruption = new Interruption(stop, patience);
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
