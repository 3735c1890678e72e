package io.fisherwatch.bench;

import io.fisherwatch.djl.TorchRuntime;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** The benchmarks of Fisherwatch: sections that are run one after the other in this process. */
public final class Bench {

  private static final List<Section> SECTIONS =
      List.of(
          new OverheadSection(),
          new ErrorSection(),
          new EventsSection(),
          new ScrapeSection(),
          new SnapshotSection(),
          new LoadSection(),
          new StartSection(),
          new MemorySection(),
          new GrowthSection());

  private final Settings settings;
  private final String command;
  private final PrintStream progress;

  /**
   * What sections work with.
   *
   * @param runtime the engine, on the device that is measured
   * @param workloads models and batches
   * @param folder of their files
   * @param settings what was asked for
   * @param progress says what is going on
   */
  record Site(
      TorchRuntime runtime,
      Workloads workloads,
      Path folder,
      Settings settings,
      PrintStream progress) {

    /** How thoroughly. */
    Preset preset() {
      return settings.preset();
    }

    void say(String what) {
      progress.println("bench: " + what);
    }

    /** Rounds on this machine's clock. */
    Rounds rounds() {
      return new Rounds(System::nanoTime);
    }
  }

  /**
   * Benchmarks that have not run yet.
   *
   * @param command what the user typed, for the page
   * @param progress says what is going on
   */
  public Bench(Settings settings, String command, PrintStream progress) {
    this.settings = settings;
    this.command = command;
    this.progress = progress;
  }

  /** The names of all sections. */
  public static List<String> sections() {
    return SECTIONS.stream().map(Section::name).toList();
  }

  /**
   * Runs the sections.
   *
   * @throws Exception if one of them fails: a page with holes would not show it
   */
  public Report run() throws Exception {
    Report report = new Report();
    Path folder = Files.createTempDirectory(settings.scratch(), "fisherwatch-bench");
    try (TorchRuntime runtime = TorchRuntime.open(settings.device(), 0)) {
      Optional<Path> distilbert = settings.distilbert();
      Workloads workloads = new Workloads(folder, runtime, distilbert);
      Site site = new Site(runtime, workloads, folder, settings, progress);
      for (Section section : SECTIONS) {
        if (settings.only().isEmpty() || settings.only().contains(section.name())) {
          site.say(section.name());
          report.add(section, site, heading(runtime));
        }
      }
    } finally {
      delete(folder);
    }
    return report;
  }

  private String heading(TorchRuntime runtime) {
    return "%s; load %s at its start; `%s`; %s."
        .formatted(
            LocalDate.now(java.time.ZoneOffset.UTC),
            Machine.load(),
            command,
            Machine.describe(runtime.version(), runtime.device()));
  }

  private static void delete(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(file);
      }
    }
  }
}
