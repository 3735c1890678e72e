package io.fisherwatch.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A process of the same program, with its output in a file. */
final class ChildProcess implements AutoCloseable {

  private final Process process;
  private final Path log;
  private long peak;

  private ChildProcess(Process process, Path log) {
    this.process = process;
    this.log = log;
  }

  /**
   * Starts a main class.
   *
   * @param log its output, both streams
   */
  static ChildProcess start(Path log, String mainClass, List<String> arguments) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("-cp");
    command.add(System.getProperty("java.class.path"));
    command.add(mainClass);
    command.addAll(arguments);
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile());
    builder.environment().keySet().removeIf(name -> name.startsWith("FISHERWATCH_"));
    return new ChildProcess(builder.start(), log);
  }

  /** Waits for its end, and returns the most memory that it had resident, in bytes. */
  long awaitPeak() throws IOException, InterruptedException {
    while (!process.waitFor(5, TimeUnit.MILLISECONDS)) {
      peak = Math.max(peak, ResidentMemory.peakOf(process.pid()).orElse(0));
    }
    requireSuccess();
    return peak;
  }

  void await() throws IOException, InterruptedException {
    process.waitFor();
    requireSuccess();
  }

  /** What it has said so far. */
  String log() throws IOException {
    return Files.readString(log);
  }

  void requireAlive() throws IOException {
    if (!process.isAlive()) {
      throw new IOException("a child process has ended: " + Files.readString(log));
    }
  }

  private void requireSuccess() throws IOException {
    if (process.exitValue() != 0) {
      throw new IOException("a child process failed: " + Files.readString(log));
    }
  }

  @Override
  public void close() {
    process.destroyForcibly().onExit().join();
  }
}
