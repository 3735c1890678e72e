package io.fisherwatch.agent;

import io.fisherwatch.event.LogitsSelector;
import io.fisherwatch.event.RejectedEventException;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.SafetensorsWriter;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Tries a graph in a child process: the same Java, the same classes, the hidden command {@code
 * probe-graph}. What crashes, hangs or eats memory does so there.
 */
final class GraphProbe {

  /** The code for graphs that the child process did not survive. */
  static final String FAILED = "graph-probe-failed";

  private static final String MAIN = "io.fisherwatch.cli.Main";

  /** What the command prints of a graph that it refuses: {@code refused CODE MESSAGE}. */
  private static final Pattern REFUSED =
      Pattern.compile("(?m)^refused ([a-z][a-z-]{0,40}) ([^\\n]{0,2000})$");

  /** Where the engine's libraries are looked for; told to the child if it was told to us. */
  private static final List<String> PROPERTIES =
      List.of("DJL_CACHE_DIR", "ENGINE_CACHE_DIR", "PYTORCH_LIBRARY_PATH", "PYTORCH_VERSION");

  private final Path scratch;
  private final FilesConfig.ProbeLimits limits;

  /**
   * @param scratch an existing folder that nobody else writes to
   */
  GraphProbe(Path scratch, FilesConfig.ProbeLimits limits) {
    this.scratch = scratch;
    this.limits = limits;
  }

  /**
   * Loads a graph.
   *
   * @throws RejectedEventException why it cannot be loaded, or {@link #FAILED}
   */
  void load(Path graph) throws RejectedEventException {
    run(graph, List.of(), Map.of());
  }

  /**
   * Runs a graph forwards and backwards on a few examples.
   *
   * @param inputs in the order of the graph's arguments
   * @throws RejectedEventException why it cannot be run on these, or {@link #FAILED}
   */
  void run(Path graph, LogitsSelector logits, List<HostTensor> inputs)
      throws RejectedEventException {
    Map<String, HostTensor> named = new LinkedHashMap<>();
    for (HostTensor input : inputs) {
      named.put("input" + named.size(), input);
    }
    List<String> options = new ArrayList<>();
    logits
        .key()
        .ifPresentOrElse(
            key -> options.addAll(List.of("--logits-key", key)),
            () -> options.addAll(List.of("--logits-index", Integer.toString(logits.index()))));
    run(graph, options, named);
  }

  private void run(Path graph, List<String> options, Map<String, HostTensor> inputs)
      throws RejectedEventException {
    try {
      Path folder = Files.createTempDirectory(scratch, "probe");
      try {
        List<String> command = command(graph, folder);
        if (!inputs.isEmpty()) {
          Path file = folder.resolve("batch.safetensors");
          Files.write(file, SafetensorsWriter.encode(inputs));
          command.addAll(List.of("--batch", file.toString(), "--inputs"));
          command.add(String.join(",", inputs.keySet()));
        }
        command.addAll(options);
        judge(new LimitedProcess(limits).run(command, folder));
      } finally {
        delete(folder);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("the graph cannot be tried: " + e.getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while a graph was tried", e);
    }
  }

  private static List<String> command(Path graph, Path folder) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "-Xmx256m",
            "-XX:ReservedCodeCacheSize=64m",
            "-XX:CompressedClassSpaceSize=64m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-XX:-UsePerfData",
            "-XX:ErrorFile=" + folder.resolve("crash.log"),
            "-Dai.djl.offline=true",
            "-Djava.io.tmpdir=" + folder));
    for (String name : PROPERTIES) {
      String value = System.getProperty(name);
      if (value != null) {
        command.add("-D" + name + "=" + value);
      }
    }
    command.addAll(List.of("-cp", classPath(), MAIN, "probe-graph"));
    command.addAll(List.of("--graph", graph.toString()));
    return command;
  }

  /** Ours, in absolute paths: the child runs in another folder. */
  private static String classPath() {
    return Stream.of(System.getProperty("java.class.path").split(File.pathSeparator, -1))
        .map(part -> Path.of(part).toAbsolutePath().toString())
        .collect(Collectors.joining(File.pathSeparator));
  }

  private void judge(LimitedProcess.Result result) throws RejectedEventException {
    switch (result.ending()) {
      case TOO_LONG ->
          throw failed(
              "took longer than "
                  + limits.seconds()
                  + " s in a child process; files.probe.seconds would have to be larger");
      case TOO_MUCH_MEMORY ->
          throw failed(
              "took more than "
                  + limits.memoryBytes()
                  + " bytes in a child process; files.probe.memory would have to be larger");
      case EXITED -> {
        if (result.exitCode() == 0) {
          return;
        }
        Matcher refused = REFUSED.matcher(result.output());
        if (refused.find()) {
          throw new RejectedEventException(refused.group(1), refused.group(2));
        }
        throw failed(
            "ended a child process with exit code "
                + result.exitCode()
                + ": "
                + tail(result.output()));
      }
    }
  }

  private static RejectedEventException failed(String what) {
    return new RejectedEventException(
        FAILED,
        "the graph "
            + what
            + "; if it is to be loaded all the same, add its SHA-256 to files.trustedGraphs");
  }

  private static String tail(String output) {
    String text = output.strip();
    return text.length() <= 500 ? text : "…" + text.substring(text.length() - 500);
  }

  private static void delete(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(file);
      }
    }
  }
}
