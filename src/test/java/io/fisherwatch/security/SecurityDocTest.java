package io.fisherwatch.security;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The threat model names what there is, and every test of input that is fuzzed or refused. */
class SecurityDocTest {

  private static Set<String> types(String folder) throws IOException {
    try (Stream<Path> files = Files.walk(Path.of(folder))) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> name.endsWith(".java"))
          .map(name -> name.replace(".java", ""))
          .collect(Collectors.toCollection(TreeSet::new));
    }
  }

  @Test
  void threatModel_everyClassAndTest_exists() throws Exception {
    Set<String> tests = types("src/test/java");
    Set<String> classes = types("src/main/java");
    int rows = 0;
    for (String line : Files.readAllLines(Path.of("docs/security.md"))) {
      String[] cells = line.split("\\|", -1);
      if (cells.length != 6 || !line.contains("`")) {
        continue;
      }
      rows++;
      assertThat(names(cells[3])).as(line).isSubsetOf(classes);
      assertThat(names(cells[4])).as(line).isNotEmpty().isSubsetOf(tests);
    }
    assertThat(rows).as("kinds of input").isGreaterThanOrEqualTo(12);
  }

  @Test
  void threatModel_everyFuzzTest_isNamed() throws Exception {
    String document = Files.readString(Path.of("docs/security.md"));
    assertThat(types("src/test/java"))
        .filteredOn(name -> name.endsWith("FuzzTest"))
        .isNotEmpty()
        .allMatch(name -> document.contains("`" + name + "`"));
  }

  private static Set<String> names(String cell) {
    Set<String> names = new TreeSet<>();
    Matcher matcher = Pattern.compile("`([A-Z][A-Za-z]+)`").matcher(cell);
    while (matcher.find()) {
      names.add(matcher.group(1));
    }
    return names;
  }
}
