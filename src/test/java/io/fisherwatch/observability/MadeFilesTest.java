package io.fisherwatch.observability;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Dashboards and rules are what their scripts make. */
class MadeFilesTest {

  @TempDir private Path folder;

  private void assertMade(Path checkedIn, String ending) throws Exception {
    try (Stream<Path> files = Files.list(folder)) {
      List<Path> made = files.toList();
      assertThat(made).isNotEmpty();
      for (Path file : made) {
        assertThat(checkedIn.resolve(file.getFileName())).hasSameTextualContentAs(file);
      }
      try (Stream<Path> there = Files.list(checkedIn)) {
        assertThat(there.filter(file -> file.toString().endsWith(ending)))
            .as("files in %s", checkedIn)
            .hasSameSizeAs(made);
      }
    }
  }

  @Test
  void dashboards_asCheckedIn_areWhatTheScriptMakes() throws Exception {
    Tool.Ended ended =
        Tool.find("python3").run("src/main/python/tools/make_dashboards.py", folder.toString());
    assertThat(ended.status()).as(ended.output()).isZero();
    assertMade(Dashboard.FOLDER, ".json");
  }

  @Test
  void rules_asCheckedIn_areWhatTheScriptMakes() throws Exception {
    Tool.Ended ended =
        Tool.find("python3").run("src/main/python/tools/make_rules.py", "--out", folder.toString());
    assertThat(ended.status()).as(ended.output()).isZero();
    assertMade(Rules.FOLDER, ".yaml");
  }

  @Test
  void rules_withUnknownParameter_areAnError() throws Exception {
    Tool.Ended ended =
        Tool.find("python3").run("src/main/python/tools/make_rules.py", "--set", "evaluatoin=1s");
    assertThat(ended.status()).isEqualTo(1);
    assertThat(ended.output()).contains("evaluatoin=1s", "evaluation");
  }
}
