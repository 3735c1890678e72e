package io.fisherwatch.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Commands that end with SIGTERM, which is to them what Ctrl-C is, as processes of the jar. */
@Timeout(120)
class InterruptionIT {

  private static final Path JAR = Path.of("target/fisherwatch.jar");

  private static final String BROKER_STARTS = "(its broker starts)";

  private static final String[] NOISE = {
    "ERROR", "Exception", "QuorumController", "OffsetFetcher", "AutoTopicCreation"
  };

  @TempDir Path folder;

  /** While the broker starts, before the agent has, while it trains. */
  @ParameterizedTest
  @ValueSource(strings = {BROKER_STARTS, "watching topic", "step 40:"})
  void demo_onceItSaysSo_endsInSilenceAndLeavesNothing(String says) throws Exception {
    Path log = folder.resolve("demo.log");
    Path temporary = Files.createDirectory(folder.resolve("tmp"));

    interrupted(log, says, "-Djava.io.tmpdir=" + temporary, "demo", "--port", "0");

    assertThat(Files.readString(log)).doesNotContain("WARN", "ERROR", "Exception", "fisherwatch: ");
    assertThat(names(temporary)).noneMatch(name -> name.startsWith("fisherwatch-demo"));
  }

  @Test
  void broker_closesItsData() throws Exception {
    Path log = folder.resolve("broker.log");
    Path data = folder.resolve("data");

    interrupted(log, "Ctrl-C", "", "broker", "--port", "0", "--data", data.toString());

    assertThat(Files.readString(log)).doesNotContain(NOISE);
    assertThat(names(data)).contains(".kafka_cleanshutdown");
  }

  private static List<String> names(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      return files.map(path -> path.getFileName().toString()).toList();
    }
  }

  /** Runs a command until it says something, or its broker begins to start, then ends it. */
  private void interrupted(Path log, String says, String option, String... command)
      throws IOException, InterruptedException {
    List<String> line =
        Stream.of(
                Stream.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()),
                Stream.of(option).filter(given -> !given.isEmpty()),
                Stream.of("-Xmx512m", "-jar", JAR.toAbsolutePath().toString()),
                Stream.of(command))
            .flatMap(part -> part)
            .toList();
    ProcessBuilder builder =
        new ProcessBuilder(line).redirectErrorStream(true).redirectOutput(log.toFile());
    builder.environment().keySet().removeIf(name -> name.startsWith("FISHERWATCH_"));
    Process process = builder.start();
    try {
      while (!(says.equals(BROKER_STARTS)
          ? names(folder).contains("broker.lock")
          : Files.readString(log).contains(says))) {
        assertThat(process.isAlive()).as(Files.readString(log)).isTrue();
        Thread.sleep(Duration.ofMillis(50).toMillis());
      }
      process.destroy();
      assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    } finally {
      process.destroyForcibly();
    }
  }
}
