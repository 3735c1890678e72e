package io.fisherwatch.observability;

import static org.assertj.core.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.abort;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/** A program of this machine that a test needs. */
public record Tool(Path program) {

  /** How a program ended and what it said, on both streams. */
  public record Ended(int status, String output) {}

  /**
   * Finds the first of some programs on the path. Where there is none the test is skipped; under
   * {@code FISHERWATCH_CI=1} it fails.
   */
  public static Tool find(String... names) {
    for (String folder : System.getenv("PATH").split(Pattern.quote(File.pathSeparator), -1)) {
      for (String name : names) {
        Path program = Path.of(folder, name);
        if (Files.isExecutable(program)) {
          return new Tool(program);
        }
      }
    }
    String message = "needs " + String.join(" or ", names) + " on the path, which is not there";
    return "1".equals(System.getenv("FISHERWATCH_CI")) ? fail(message) : abort(message);
  }

  /** Runs it to its end. */
  public Ended run(String... arguments) throws IOException, InterruptedException {
    Process process = command(arguments).start();
    try (InputStream output = process.getInputStream()) {
      String text = new String(output.readAllBytes(), StandardCharsets.UTF_8);
      return new Ended(process.waitFor(), text);
    }
  }

  /** Starts it as a server that writes to a log. */
  public Process serve(Path log, String... arguments) throws IOException {
    return command(arguments).redirectOutput(log.toFile()).start();
  }

  private ProcessBuilder command(String... arguments) {
    List<String> command = new ArrayList<>(List.of(program.toString()));
    command.addAll(List.of(arguments));
    return new ProcessBuilder(command).redirectErrorStream(true);
  }
}
