package io.fisherwatch.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class LimitedProcessTest {

  @TempDir private Path folder;

  @BeforeEach
  void needsAShell() {
    assumeTrue(Files.isExecutable(Path.of("/bin/sh")), "needs /bin/sh");
  }

  private LimitedProcess.Result run(int seconds, String script) throws Exception {
    return new LimitedProcess(new FilesConfig.ProbeLimits(seconds, 256L << 20))
        .run(List.of("/bin/sh", "-c", script), folder);
  }

  @Test
  void run_whatExits_givesItsCodeAndOutput() throws Exception {
    assertThat(run(10, "echo out; echo err >&2; exit 3"))
        .isEqualTo(new LimitedProcess.Result(LimitedProcess.Ending.EXITED, 3, "out\nerr\n"));
  }

  @Test
  void run_whatDoesNotEnd_isKilledInTime() throws Exception {
    long start = System.nanoTime();
    LimitedProcess.Result result = run(1, "exec sleep 50");
    assertThat(result.ending()).isEqualTo(LimitedProcess.Ending.TOO_LONG);
    assertThat((System.nanoTime() - start) / 1e9).isBetween(1.0, 5.0);
  }

  @Test
  void run_whatEatsMemory_isKilled() throws Exception {
    assumeTrue(Files.exists(Path.of("/proc/self/status")), "needs /proc");
    assertThat(run(30, "exec tail /dev/zero").ending())
        .isEqualTo(LimitedProcess.Ending.TOO_MUCH_MEMORY);
  }

  @Test
  void run_whatWritesMuch_isReadButNotKept() throws Exception {
    LimitedProcess.Result result = run(30, "head -c 50000000 /dev/zero; exit 0");
    assertThat(result.exitCode()).isZero();
    assertThat(result.output()).hasSize(16 << 10);
  }

  @Test
  void run_environment_holdsNothingOfOurs() throws Exception {
    List<String> names =
        run(10, "env").output().lines().map(line -> line.split("=", 2)[0]).toList();
    assertThat(names)
        .contains("PATH", "OMP_NUM_THREADS")
        .isSubsetOf(
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
            "PYTORCH_FLAVOR",
            "OMP_NUM_THREADS",
            "PWD",
            "SHLVL",
            "_",
            "OLDPWD");
  }

  @Test
  void run_limits_areSetInTheKernel() throws Exception {
    assertThat(run(10, "ulimit -c; ulimit -t; ulimit -v").output())
        .isEqualTo("0\n20\n" + ((256L << 10) + (12L << 20)) + "\n");
  }
}
