package io.fisherwatch.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Installations without the broker's jars. */
class BrokerJarsTest {

  private static final Pattern BROKER = Pattern.compile("kafka_2\\.13-.*|kafka-server-.*");

  @ParameterizedTest
  @ValueSource(strings = {"broker", "demo"})
  void command_withoutTheBrokersJars_saysSoInOneLine(String command) throws Exception {
    String classPath =
        Stream.of(System.getProperty("java.class.path").split(File.pathSeparator, -1))
            .filter(part -> !BROKER.matcher(Path.of(part).getFileName().toString()).matches())
            .collect(Collectors.joining(File.pathSeparator));
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    Process process =
        new ProcessBuilder(List.of(java, "-cp", classPath, "io.fisherwatch.cli.Main", command))
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isEqualTo(2);
    assertThat(output.strip().lines()).hasSize(1);
    assertThat(output).startsWith("fisherwatch: " + command + " needs the embedded broker");
  }
}
