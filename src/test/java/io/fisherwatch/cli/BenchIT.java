package io.fisherwatch.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** That the page is made; how fast anything is, no test asks. */
class BenchIT {

  @TempDir private Path out;

  @Test
  void bench_oneSection_fillsItsPlaceAndItsGoalsAlone() throws Exception {
    Path page = out.resolve("benchmarks.md");
    String earlier = "| start | agent, start to ready | ≤ 3 s | 2 s | met |";
    String empty =
        emptied(Files.readString(Path.of("docs/benchmarks.md")))
            .replace("<!-- goals -->", "<!-- goals -->\n" + earlier);
    Files.writeString(page, empty);
    for (int run = 0; run < 2; run++) {
      assertThat(
              Main.run(
                  Stream.concat(quick(), Stream.of("--only", "scrape")).toArray(String[]::new)))
          .isZero();
      String text = Files.readString(page);
      assertThat(section(text, "scrape")).contains("| 1,000 |", "load ", "libtorch ");
      assertThat(section(text, "start")).isBlank();
      assertThat(section(text, "goals"))
          .containsPattern("\\| scrape \\| .* \\| ≤ 50 ms \\| .* \\| (met|\\*\\*not met\\*\\*) \\|")
          .containsOnlyOnce("| scrape |")
          .as("goals of a section that did not run stay")
          .containsOnlyOnce(earlier);
    }
    try (Stream<Path> left = Files.list(out)) {
      assertThat(left.map(file -> String.valueOf(file.getFileName())))
          .containsExactlyInAnyOrder("benchmarks.md", "images");
    }
  }

  @Test
  void bench_load_countsEveryBatchOnce() throws Exception {
    Path page = out.resolve("benchmarks.md");
    Files.writeString(page, emptied(Files.readString(Path.of("docs/benchmarks.md"))));
    String[] load = {"--only", "load", "--runs", "3", "--layers", "4"};
    assertThat(Main.run(Stream.concat(quick(), Stream.of(load)).toArray(String[]::new))).isZero();
    String text = section(Files.readString(page), "load");
    assertThat(text)
        .contains("3 runs of a perceptron of 4 layers")
        .containsPattern("\\| 1 \\| 1 \\| [0-9.,]+ \\|")
        .containsPattern("\\| 2 \\| 4 \\| [0-9.,]+ \\|")
        .contains("| a third one is started |", "| the first one is killed |")
        .containsPattern("\\| lost \\| counted twice \\|\n[-| ]+\n\\| [0-9,]+ \\| 0 \\| 0 \\|");
    assertThat(section(Files.readString(page), "goals"))
        .contains("| load | batches lost | ≤ 0 | 0 | met |")
        .contains("| load | batches counted twice | ≤ 0 | 0 | met |");
  }

  private Stream<String> quick() {
    return Stream.of("bench", "--quick", "--out", out.toString());
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
