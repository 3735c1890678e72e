package io.fisherwatch.observability;

import io.fisherwatch.agent.ConfigLoader;
import io.fisherwatch.demo.Demo;
import io.fisherwatch.demo.Scenario;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A demo in this process, until it is closed. */
final class RunningDemo implements AutoCloseable {

  /**
   * Trouble must have more of a past to stand out against, in the seconds of {@link Stack}'s rules,
   * than it needs to last, however fast the machine is.
   */
  private static final Duration PACE_BEFORE_ONSET = Duration.ofMillis(150);

  private final Demo demo;
  private final Thread thread;
  private volatile @Nullable Throwable failure;

  /**
   * Starts it.
   *
   * @param steps of training, after which its page stays; empty for no end
   */
  RunningDemo(Path folder, int port, Scenario scenario, Optional<Long> steps) throws Exception {
    PrintStream quiet =
        new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8);
    demo =
        new Demo(ConfigLoader.defaults(), folder, quiet, scenario)
            .withPaceBeforeOnset(PACE_BEFORE_ONSET);
    thread =
        new Thread(
            () -> {
              try {
                demo.run(steps, port, true);
              } catch (Exception | Error e) {
                failure = e;
              }
            },
            "demo");
    thread.start();
  }

  /** Throws what it failed by, if it did. */
  void check() {
    Throwable cause = failure;
    if (cause != null) {
      throw new IllegalStateException("the demo failed", cause);
    }
  }

  @Override
  public void close() {
    demo.stop();
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    check();
  }
}
