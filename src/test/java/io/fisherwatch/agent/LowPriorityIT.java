package io.fisherwatch.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** In a process of its own: there is no way back from a low priority. */
class LowPriorityIT {

  private static final Path TASKS = Path.of("/proc/self/task");

  @TempDir private Path folder;

  /** What the child does: prints how nice its threads are, old ones and one started afterwards. */
  public static final class Child {
    public static void main(String[] args) throws Exception {
      LowPriority.enter();
      Thread later = new Thread(() -> print(niceness()));
      later.start();
      later.join();
    }

    private static void print(List<Integer> values) {
      values.forEach(System.out::println);
    }
  }

  private static List<Integer> niceness() {
    List<Integer> values = new ArrayList<>();
    try (Stream<Path> tasks = Files.list(TASKS)) {
      for (Path task : tasks.toList()) {
        String stat = Files.readString(task.resolve("stat"));
        // after the name in brackets: state is field 3, nice is field 19
        values.add(Integer.valueOf(stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1)[16]));
      }
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
    return values;
  }

  @Test
  void enter_everyThread_isAsNiceAsCanBe() throws Exception {
    assumeTrue(Files.isDirectory(TASKS), "this system does not tell niceness in /proc");
    Set<Integer> own = Set.copyOf(niceness());
    Path out = folder.resolve("out");
    Process child =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                "target/classes:target/test-classes",
                Child.class.getName())
            .redirectErrorStream(true)
            .redirectOutput(out.toFile())
            .start();
    assertThat(child.waitFor()).as("%s", Files.readString(out)).isZero();
    List<String> lines = Files.readAllLines(out);
    assertThat(lines).hasSizeGreaterThan(5).containsOnly("19");
    assertThat(Set.copyOf(niceness())).as("the test's own process").isEqualTo(own);
  }
}
