package io.fisherwatch.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fisherwatch.agent.ConfigLoader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DemoIT {

  @TempDir Path folder;

  @AfterEach
  void nothingIsLeftInterrupted() {
    assertThat(Thread.interrupted()).isFalse();
  }

  /** As Ctrl-C does: Kafka's producer is the first to notice, and reports it as a failure. */
  @Test
  void anInterruptionWhileItPublishesIsTheEndAndNoFailure() throws Exception {
    Demo demo = new Demo(ConfigLoader.defaults(), folder, interrupting(), Scenario.HEALTHY);

    assertThatThrownBy(() -> demo.run(Optional.of(200L), 0, false))
        .isInstanceOf(InterruptedException.class);
  }

  /** Interrupts whoever reports the training's progress. */
  private static PrintStream interrupting() {
    return new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8) {
      @Override
      public PrintStream printf(String format, Object... values) {
        if (format.startsWith("step")) {
          Thread.currentThread().interrupt();
        }
        return super.printf(Locale.ROOT, format, values);
      }
    };
  }
}
