package io.fisherwatch.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

class ScratchFolderTest {

  @Test
  @EnabledOnOs(value = OS.LINUX, disabledReason = "looks into /proc/locks")
  void create_besideOthers_removesOnlyWhatNobodyHolds() throws Exception {
    Path left = Files.createTempDirectory("fisherwatch-scratch-");
    Files.createFile(left.resolve("lock"));
    Files.writeString(left.resolve("graph.pt"), "left by one that was killed");
    try (ScratchFolder first = ScratchFolder.create();
        ScratchFolder second = ScratchFolder.create()) {
      assertThat(left).doesNotExist();
      assertThat(isLockedForOthers(first.path())).as("the first one's lock").isTrue();
      assertThat(isLockedForOthers(second.path())).as("the second one's lock").isTrue();
    }
  }

  /** As another process sees it: looking from this one would give the lock up. */
  private static boolean isLockedForOthers(Path folder) throws Exception {
    String inode = Files.getAttribute(folder.resolve("lock"), "unix:ino").toString();
    return Files.readAllLines(Path.of("/proc/locks")).stream()
        .anyMatch(line -> line.contains(":" + inode + " "));
  }
}
