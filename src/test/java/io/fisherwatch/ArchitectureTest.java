package io.fisherwatch;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * The rooms and the arrows between them. Each rule is held by the house, and broken by a class in
 * {@code offending} that was made to break it.
 */
class ArchitectureTest {

  private static final String ROOT = "io.fisherwatch.";

  /** Which rooms each room may use. */
  private static final Map<String, Set<String>> ARROWS =
      Map.ofEntries(
          Map.entry("snapshot", Set.of()),
          Map.entry("likelihood", Set.of()),
          Map.entry("safetensors", Set.of()),
          Map.entry("estimate", Set.of("snapshot")),
          Map.entry("runtime", Set.of("safetensors")),
          Map.entry(
              "monitor", Set.of("snapshot", "likelihood", "estimate", "runtime", "safetensors")),
          Map.entry("state", Set.of("snapshot", "safetensors")),
          Map.entry("share", Set.of("snapshot", "monitor", "safetensors")),
          Map.entry("event", Set.of("safetensors")),
          Map.entry("djl", Set.of("runtime", "safetensors")),
          Map.entry("files", Set.of("event")),
          Map.entry("kafka", Set.of("event")),
          Map.entry("prometheus", Set.of("snapshot")),
          Map.entry("web", Set.of("snapshot")),
          Map.entry("config", Set.of("kafka", "web")),
          Map.entry(
              "agent",
              Set.of(
                  "snapshot",
                  "state",
                  "likelihood",
                  "estimate",
                  "runtime",
                  "monitor",
                  "share",
                  "safetensors",
                  "event",
                  "files",
                  "config",
                  "djl",
                  "kafka",
                  "prometheus",
                  "web")),
          Map.entry(
              "merge",
              Set.of(
                  "share",
                  "snapshot",
                  "estimate",
                  "monitor",
                  "safetensors",
                  "files",
                  "config",
                  "kafka",
                  "prometheus",
                  "web")),
          Map.entry(
              "demo",
              Set.of(
                  "agent", "event", "kafka", "djl", "runtime", "safetensors", "snapshot", "web")),
          Map.entry(
              "bench",
              Set.of(
                  "agent",
                  "demo",
                  "djl",
                  "event",
                  "kafka",
                  "likelihood",
                  "monitor",
                  "prometheus",
                  "runtime",
                  "safetensors",
                  "snapshot",
                  "state",
                  "web")),
          Map.entry(
              "cli",
              Set.of(
                  "agent",
                  "bench",
                  "config",
                  "demo",
                  "djl",
                  "likelihood",
                  "merge",
                  "monitor",
                  "runtime",
                  "safetensors",
                  "snapshot",
                  "state",
                  "web")));

  private static final JavaClasses HOUSE =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .importPackages("io.fisherwatch");

  private static final JavaClasses OFFENDING =
      new ClassFileImporter().importPackages("io.fisherwatch.offending");

  private static String[] in(String room) {
    return new String[] {ROOT + room + "..", ROOT + "offending." + room + ".."};
  }

  private static List<ArchRule> rules() {
    List<ArchRule> rules = new ArrayList<>();
    ARROWS.forEach(
        (room, allowed) -> {
          String[] others =
              ARROWS.keySet().stream()
                  .filter(other -> !other.equals(room) && !allowed.contains(other))
                  .map(other -> ROOT + other + "..")
                  .toArray(String[]::new);
          if (others.length > 0) {
            rules.add(
                noClasses()
                    .that()
                    .resideInAnyPackage(in(room))
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage(others)
                    .as(room + " uses only " + allowed));
          }
        });
    rules.add(
        classes()
            .that()
            .resideInAnyPackage(concat(in("snapshot"), in("likelihood"), in("estimate")))
            .should()
            .onlyDependOnClassesThat()
            .resideInAnyPackage("java..", "org.jspecify..", "io.fisherwatch..")
            .as("the pure rooms know only the JDK"));
    rules.add(only("djl", "djl", "the engine", "ai.djl.."));
    // a bare consumer is what the benchmarks compare with
    rules.add(only("kafka", "bench", "Kafka's clients", "org.apache.kafka.clients.."));
    rules.add(only("merge", "merge", "Kafka Streams", "org.apache.kafka.streams.."));
    rules.add(only("demo", "demo", "a broker", "kafka..", "org.apache.kafka.server.."));
    rules.add(only("prometheus", "prometheus", "Micrometer", "io.micrometer..", "io.prometheus.."));
    rules.add(only("cli", "cli", "Logback", "ch.qos.logback.."));
    rules.add(
        noClasses()
            .that()
            .resideOutsideOfPackages(concat(in("agent"), in("demo"), in("bench")))
            .should()
            .dependOnClassesThat(named("java.time.Clock"))
            .orShould()
            .callMethod(System.class, "currentTimeMillis")
            .orShould()
            .callMethod(java.time.Instant.class, "now")
            .orShould()
            .callMethod(Math.class, "random")
            .orShould()
            .dependOnClassesThat(named("java.util.concurrent.ThreadLocalRandom"))
            .orShould()
            .dependOnClassesThat(named("java.util.Random"))
            .as("no clock and no unseeded randomness outside agent, demo and bench"));
    rules.add(
        slices()
            .matching("io.fisherwatch.(*)..")
            .should()
            .beFreeOfCycles()
            .as("rooms form no cycle"));
    return rules;
  }

  private static ArchRule only(String room, String second, String what, String... packages) {
    return noClasses()
        .that()
        .resideOutsideOfPackages(concat(in(room), in(second)))
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(packages)
        .as("only " + room + (second.equals(room) ? "" : " and " + second) + " touches " + what);
  }

  private static DescribedPredicate<JavaClass> named(String name) {
    return DescribedPredicate.describe(name, type -> type.getName().equals(name));
  }

  private static String[] concat(String[]... arrays) {
    return Stream.of(arrays).flatMap(Stream::of).toArray(String[]::new);
  }

  @TestFactory
  Stream<DynamicTest> house_holdsEveryRule() {
    return rules().stream()
        .map(rule -> DynamicTest.dynamicTest(rule.getDescription(), () -> rule.check(HOUSE)));
  }

  @TestFactory
  Stream<DynamicTest> offenders_breakEveryRule() {
    return rules().stream()
        .filter(rule -> !rule.getDescription().contains("cycle"))
        .map(
            rule ->
                DynamicTest.dynamicTest(
                    rule.getDescription(),
                    () ->
                        assertThat(rule.evaluate(OFFENDING).hasViolation())
                            .as("a class in io.fisherwatch.offending breaks: %s", rule)
                            .isTrue()));
  }

  @TestFactory
  Stream<DynamicTest> cycle_isSeen() {
    ArchRule rule =
        slices().matching("io.fisherwatch.offending.cycle.(*)..").should().beFreeOfCycles();
    return Stream.of(
        DynamicTest.dynamicTest(
            "a cycle", () -> assertThat(rule.evaluate(OFFENDING).hasViolation()).isTrue()));
  }
}
