package io.fisherwatch.security;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * The bill of materials has everything that ships, and {@code THIRD-PARTY.md} lists its licences;
 * FISHERWATCH_UPDATE=1 writes the list anew.
 */
class LicencesIT {

  private static final Path LIST = Path.of("THIRD-PARTY.md");

  /** What may be passed on with an Apache-licensed program; of several the first here is chosen. */
  private static final List<String> ACCEPTED =
      List.of("Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "Go License", "EPL-2.0");

  private record Library(String group, String name, String version, Set<String> licences) {

    String line() {
      return "| %s | %s | %s | %s |".formatted(group, name, version, String.join(" or ", licences));
    }
  }

  private static List<Library> libraries() throws IOException {
    List<Library> libraries = new ArrayList<>();
    for (JsonNode component :
        new ObjectMapper().readTree(Path.of("target/bom.json").toFile()).path("components")) {
      Set<String> licences = new TreeSet<>();
      for (JsonNode licence : component.path("licenses")) {
        JsonNode named = licence.path("license");
        licences.add(
            named
                .path("id")
                .asText(named.path("name").asText(licence.path("expression").asText())));
      }
      libraries.add(
          new Library(
              component.path("group").asText(),
              component.path("name").asText(),
              component.path("version").asText(),
              licences));
    }
    libraries.sort((a, b) -> a.line().compareTo(b.line()));
    return libraries;
  }

  @Test
  void bill_hasEveryLibraryThatShips() throws Exception {
    try (Stream<Path> jars = Files.list(Path.of("target/lib"))) {
      Set<String> shipped =
          jars.map(jar -> jar.getFileName().toString()).collect(Collectors.toSet());
      Set<String> listed =
          libraries().stream()
              .map(library -> library.name() + "-" + library.version())
              .collect(Collectors.toSet());
      assertThat(shipped)
          .isNotEmpty()
          .allMatch(jar -> listed.stream().anyMatch(jar::startsWith), "is in target/bom.json");
    }
  }

  @Test
  void licences_every_mayBePassedOn() throws Exception {
    assertThat(libraries())
        .isNotEmpty()
        .allMatch(
            library -> library.licences().stream().anyMatch(ACCEPTED::contains),
            "one of " + ACCEPTED);
  }

  @Test
  void list_isThatOfTheBill() throws Exception {
    String list =
        Stream.concat(
                Stream.of(
                    "# Libraries that ship with Fisherwatch",
                    "",
                    "From `target/bom.json`; made by `FISHERWATCH_UPDATE=1 mvn verify -Dit.test=LicencesIT`. Where"
                        + " there are several licences, one may be chosen.",
                    "",
                    "| group | library | version | licence |",
                    "| --- | --- | --- | --- |"),
                libraries().stream().map(Library::line))
            .collect(Collectors.joining("\n", "", "\n"));
    if ("1".equals(System.getenv("FISHERWATCH_UPDATE"))) {
      Files.writeString(LIST, list);
    }
    assertThat(LIST).hasContent(list);
  }
}
