package io.fisherwatch.demo;

import static org.assertj.core.api.Assertions.assertThat;

import io.fisherwatch.agent.ConfigLoader;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class DemoIT {

  @TempDir Path folder;

  private final ByteArrayOutputStream said = new ByteArrayOutputStream();
  private Demo demo;

  @Test
  void stoppedWhileItTrains_endsWithFigures() throws Exception {
    demo = new Demo(ConfigLoader.defaults(), folder, stoppingAt("step"), Scenario.HEALTHY);

    assertThat(demo.run(Optional.of(200L), 0, true)).isPresent();
    assertThat(said.toString(StandardCharsets.UTF_8)).containsOnlyOnce("step").contains("step 20");
  }

  @Test
  void stoppedWhileItStarts_endsWithoutTrainingOn() throws Exception {
    demo = new Demo(ConfigLoader.defaults(), folder, stoppingAt("live page"), Scenario.HEALTHY);

    demo.run(Optional.empty(), 0, true);

    assertThat(said.toString(StandardCharsets.UTF_8)).contains("live page").doesNotContain("step");
  }

  @Test
  void stoppedOnceItIsDone_endsWithFigures() throws Exception {
    demo =
        new Demo(ConfigLoader.defaults(), folder, stoppingAt("training is done"), Scenario.HEALTHY);

    assertThat(demo.run(Optional.of(3L), 0, true)).isPresent();
  }

  /** Stops the demo when it says something. */
  private PrintStream stoppingAt(String start) {
    return new PrintStream(said, false, StandardCharsets.UTF_8) {
      @Override
      public PrintStream printf(String format, Object... values) {
        stopAt(format);
        return super.printf(Locale.ROOT, format, values);
      }

      @Override
      public void println(String line) {
        stopAt(line);
        super.println(line);
      }

      private void stopAt(String line) {
        if (line.startsWith(start)) {
          demo.stop();
        }
      }
    };
  }
}
