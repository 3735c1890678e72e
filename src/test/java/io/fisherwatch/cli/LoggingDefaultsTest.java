package io.fisherwatch.cli;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.ClassicConstants;
import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.Configurator.ExecutionStatus;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.ConsoleAppender;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LoggingDefaultsTest {

  private final LoggerContext context = new LoggerContext();

  @AfterEach
  void forget() {
    System.clearProperty(ClassicConstants.CONFIG_FILE_PROPERTY);
    context.stop();
  }

  private ExecutionStatus configure(String file) {
    System.setProperty(ClassicConstants.CONFIG_FILE_PROPERTY, file);
    return new LoggingDefaults().configure(context);
  }

  private Logger root() {
    return context.getLogger(Logger.ROOT_LOGGER_NAME);
  }

  @Test
  void file_thatIsThere_counts(@TempDir Path folder) throws Exception {
    Path file = Files.writeString(folder.resolve("mine.xml"), "<configuration/>");
    assertThat(configure(file.toString())).isEqualTo(ExecutionStatus.INVOKE_NEXT_IF_ANY);
    assertThat(configure(file.toUri().toString())).isEqualTo(ExecutionStatus.INVOKE_NEXT_IF_ANY);
    assertThat(configure("logback-test.xml")).isEqualTo(ExecutionStatus.INVOKE_NEXT_IF_ANY);
    assertThat(root().iteratorForAppenders().hasNext()).isFalse();
  }

  @Test
  void file_onTheClassPath_counts() {
    assertThat(new LoggingDefaults().configure(context))
        .isEqualTo(ExecutionStatus.INVOKE_NEXT_IF_ANY);
  }

  /** Else Logback would write all of Kafka's debugging to where results go. */
  @Test
  void file_thatIsMissing_leavesTheDefaults() {
    assertThat(configure("/nowhere/mine.xml")).isEqualTo(ExecutionStatus.DO_NOT_INVOKE_NEXT_IF_ANY);
    assertThat(root().getLevel()).isEqualTo(Level.INFO);
    assertThat(((ConsoleAppender<ILoggingEvent>) root().getAppender("stderr")).getTarget())
        .isEqualTo("System.err");
    assertThat(context.getLogger("org.apache.kafka.clients.NetworkClient").getEffectiveLevel())
        .isEqualTo(Level.OFF);
  }
}
