package io.fisherwatch.agent;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A child process with limits: on time by the clock and by the processor, on memory, on what it
 * knows of our environment, on what it may write to us. The limits that a shell's {@code ulimit}
 * can set hold in the kernel; the memory that it holds is looked at several times a second besides,
 * where there is a {@code /proc}.
 */
final class LimitedProcess {

  /** How a process ended. */
  enum Ending {
    EXITED,
    TOO_LONG,
    TOO_MUCH_MEMORY
  }

  /**
   * What came of it.
   *
   * @param exitCode meaningless unless it exited
   * @param output the last of what it wrote
   */
  record Result(Ending ending, int exitCode, String output) {}

  /** What the engine needs to find its libraries; no variable of ours, which may be secrets. */
  private static final Set<String> ENVIRONMENT =
      Set.of(
          "PATH",
          "HOME",
          "LANG",
          "LC_ALL",
          "TZ",
          "JAVA_HOME",
          "LD_LIBRARY_PATH",
          "DJL_CACHE_DIR",
          "ENGINE_CACHE_DIR",
          "PYTORCH_LIBRARY_PATH",
          "PYTORCH_VERSION",
          "PYTORCH_FLAVOR");

  private static final Path SHELL = Path.of("/bin/sh");
  private static final Pattern RESIDENT = Pattern.compile("(?m)^VmRSS:\\s+(\\d+) kB$");
  private static final int LONGEST_OUTPUT = 16 << 10;
  private static final long LOOK_MILLIS = 20;
  private static final long DEATH_SECONDS = 10;

  /** Address space that is reserved but not held: the virtual machine's and the libraries'. */
  private static final long RESERVED_BYTES = 12L << 30;

  private final FilesConfig.ProbeLimits limits;

  LimitedProcess(FilesConfig.ProbeLimits limits) {
    this.limits = limits;
  }

  /**
   * Runs a command to its end or to its limits.
   *
   * @param folder where it runs
   * @throws InterruptedException if this thread was interrupted; the process is gone then, too
   */
  Result run(List<String> command, Path folder) throws IOException, InterruptedException {
    ProcessBuilder builder =
        new ProcessBuilder(limited(command))
            .directory(folder.toFile())
            .redirectInput(nothing())
            .redirectErrorStream(true);
    Map<String, String> environment = builder.environment();
    environment.keySet().retainAll(ENVIRONMENT);
    environment.put("OMP_NUM_THREADS", "1");
    Process process = builder.start();
    try {
      Output output = new Output(process.getInputStream());
      output.start();
      Ending ending = watch(process);
      if (ending != Ending.EXITED) {
        process.destroyForcibly();
      }
      boolean gone = process.waitFor(DEATH_SECONDS, TimeUnit.SECONDS);
      output.join(TimeUnit.SECONDS.toMillis(DEATH_SECONDS));
      return new Result(ending, gone ? process.exitValue() : -1, output.text());
    } finally {
      process.destroyForcibly();
    }
  }

  private List<String> limited(List<String> command) {
    if (!Files.isExecutable(SHELL)) {
      return command;
    }
    String limiting =
        "ulimit -c 0; ulimit -t %d; ulimit -v %d; exec \"$@\""
            .formatted(2L * limits.seconds(), (limits.memoryBytes() + RESERVED_BYTES) >> 10);
    List<String> whole = new ArrayList<>(List.of(SHELL.toString(), "-c", limiting, "probe"));
    whole.addAll(command);
    return whole;
  }

  private Ending watch(Process process) throws InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(limits.seconds());
    Path status = Path.of("/proc", Long.toString(process.pid()), "status");
    while (!process.waitFor(LOOK_MILLIS, TimeUnit.MILLISECONDS)) {
      if (System.nanoTime() > deadline) {
        return Ending.TOO_LONG;
      }
      if (resident(status) > limits.memoryBytes()) {
        return Ending.TOO_MUCH_MEMORY;
      }
    }
    return Ending.EXITED;
  }

  /** The memory that a process holds, in bytes; 0 where that cannot be told. */
  private static long resident(Path status) {
    try {
      Matcher matcher = RESIDENT.matcher(Files.readString(status, StandardCharsets.ISO_8859_1));
      return matcher.find() ? Long.parseLong(matcher.group(1)) << 10 : 0;
    } catch (IOException e) {
      return 0; // it has just ended, or there is no /proc
    }
  }

  private static File nothing() {
    return new File(File.separatorChar == '/' ? "/dev/null" : "NUL");
  }

  /** Reads all that a process writes and keeps the last of it. */
  private static final class Output extends Thread {

    private final InputStream in;
    private byte[] kept = new byte[0];

    Output(InputStream in) {
      super("fisherwatch-probe-output");
      setDaemon(true);
      this.in = in;
    }

    @Override
    public void run() {
      byte[] chunk = new byte[4096];
      try (in) {
        for (int read = in.read(chunk); read >= 0; read = in.read(chunk)) {
          keep(chunk, read);
        }
      } catch (IOException e) {
        keep(new byte[0], 0); // killed while it wrote: what there is will do
      }
    }

    private synchronized void keep(byte[] chunk, int read) {
      byte[] all = Arrays.copyOf(kept, kept.length + read);
      System.arraycopy(chunk, 0, all, kept.length, read);
      kept = Arrays.copyOfRange(all, Math.max(0, all.length - LONGEST_OUTPUT), all.length);
    }

    synchronized String text() {
      return new String(kept, StandardCharsets.UTF_8);
    }
  }
}
