package io.fisherwatch.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** That the page is made; how fast anything is, no test asks. */
class BenchIT {

  @TempDir private Path out;

  @Test
  void bench_twoSections_fillTheirPlacesAndNoOther() throws Exception {
    Path page = out.resolve("benchmarks.md");
    Files.writeString(page, emptied(Files.readString(Path.of("docs/benchmarks.md"))));
    int code = Main.run("bench", "--quick", "--out", out.toString(), "--only", "overhead,scrape");
    assertThat(code).isZero();
    String text = Files.readString(page);
    assertThat(section(text, "scrape")).contains("| 1,000 |", "load ", "libtorch ");
    assertThat(section(text, "overhead")).containsPattern("\\| digits perceptron \\| one pass");
    assertThat(section(text, "start")).isBlank();
    assertThat(section(text, "goals"))
        .containsPattern("\\| scrape \\| .* \\| ≤ 50 ms \\| .* \\| (met|\\*\\*not met\\*\\*) \\|")
        .doesNotContain("| start |");
    assertThat(Main.run("bench", "--quick", "--out", out.toString(), "--only", "scrape")).isZero();
    assertThat(section(Files.readString(page), "goals"))
        .as("goals of a section that did not run stay")
        .containsOnlyOnce("| scrape |")
        .contains("| overhead |");
    try (var left = Files.list(out)) {
      assertThat(left.map(file -> file.getFileName().toString()))
          .containsExactlyInAnyOrder("benchmarks.md", "images");
    }
  }

  private static String emptied(String text) {
    return text.replaceAll("(?s)(<!-- (\\w+) -->\n).*?(<!-- end of \\2 -->)", "$1$3");
  }

  private static String section(String text, String name) {
    String start = "<!-- " + name + " -->";
    return text.substring(
        text.indexOf(start) + start.length(), text.indexOf("<!-- end of " + name + " -->"));
  }
}
