package io.fisherwatch.agent;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * Lets this process give way to others on its cores: the training that it watches comes first.
 *
 * <p>A JVM cannot do this itself, so that {@code renice} does. On Linux each thread is nice on its
 * own, and a new one is as nice as the thread that starts it: all that there are get the value. It
 * counts among processes of one control group; between containers their shares of the CPU decide.
 */
public final class LowPriority {

  /** The least priority that there is. */
  private static final String NICE = "19";

  private static final Path THREADS = Path.of("/proc/self/task");
  private static final int ROUNDS = 10;
  private static final long SECONDS = 10;

  private LowPriority() {}

  /**
   * Lowers the priority, for good.
   *
   * @throws IOException if this system has no {@code renice}, or it fails
   */
  public static void enter() throws IOException {
    if (!Files.isDirectory(THREADS)) {
      renice(List.of(Long.toString(ProcessHandle.current().pid())));
      return;
    }
    Set<String> done = new HashSet<>();
    for (int round = 0; round < ROUNDS; round++) {
      List<String> left = threads();
      left.removeAll(done);
      if (left.isEmpty()) {
        return;
      }
      renice(left); // threads may have been started meanwhile by one that was not nice yet
      done.addAll(left);
    }
  }

  private static List<String> threads() throws IOException {
    try (Stream<Path> tasks = Files.list(THREADS)) {
      return new ArrayList<>(tasks.map(task -> String.valueOf(task.getFileName())).toList());
    }
  }

  private static void renice(List<String> ids) throws IOException {
    List<String> command = new ArrayList<>(Arrays.asList("renice", "-n", NICE, "-p"));
    command.addAll(ids);
    Process process;
    try {
      process = new ProcessBuilder(command).redirectErrorStream(true).start();
    } catch (IOException e) {
      throw new IOException(
          "the priority cannot be lowered: this needs the command renice, of Linux and macOS", e);
    }
    try {
      String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      if (!process.waitFor(SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
        throw new IOException("the priority cannot be lowered: renice does not end");
      }
      // a thread that has ended meanwhile is no failure
      if (process.exitValue() != 0 && !said.contains("No such process")) {
        throw new IOException("the priority cannot be lowered: " + said.strip());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while the priority was lowered", e);
    }
  }
}
