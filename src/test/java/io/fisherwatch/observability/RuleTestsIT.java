package io.fisherwatch.observability;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What promtool and amtool say of the rules, their tests and the example configurations. */
class RuleTestsIT {

  private static String path(String file) {
    return Rules.FOLDER.resolve(file).toString();
  }

  @Test
  void rules_andExample_areValid() throws Exception {
    Tool promtool = Tool.find("promtool");
    Tool.Ended rules = promtool.run("check", "rules", path("recording.yaml"), path("alerts.yaml"));
    assertThat(rules.status()).as(rules.output()).isZero();
    Tool.Ended example = promtool.run("check", "config", path("prometheus.yaml"));
    assertThat(example.status()).as(example.output()).isZero();
  }

  @Test
  void alerts_inTheirTests_fireStaySilentAndResolve() throws Exception {
    try (Stream<Path> files = Files.list(Rules.FOLDER.resolve("tests"))) {
      List<String> tests = files.map(Path::toString).sorted().toList();
      String[] arguments =
          Stream.concat(Stream.of("test", "rules"), tests.stream()).toArray(String[]::new);
      Tool.Ended ended = Tool.find("promtool").run(arguments);
      assertThat(ended.status()).as(ended.output()).isZero();
      assertThat(ended.output().split("SUCCESS", -1)).hasSize(tests.size() + 1);
    }
  }

  @Test
  void alertmanagerExample_isValid() throws Exception {
    Tool.Ended ended = Tool.find("amtool").run("check-config", path("alertmanager.yaml"));
    assertThat(ended.status()).as(ended.output()).isZero();
  }
}
