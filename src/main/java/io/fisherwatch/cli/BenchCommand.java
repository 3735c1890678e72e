package io.fisherwatch.cli;

import io.fisherwatch.bench.Bench;
import io.fisherwatch.bench.Plot;
import io.fisherwatch.bench.Preset;
import io.fisherwatch.bench.Report;
import io.fisherwatch.bench.Settings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Measures what Fisherwatch costs, and writes the tables of docs/benchmarks.md and its plots. */
@Command(
    name = "bench",
    hidden = true,
    description = "Measures times and memory beside their floors; writes tables and plots.")
final class BenchCommand implements Callable<Integer> {

  private static final String GOALS = "goals";

  @Spec private CommandSpec spec = CommandSpec.create();

  @Option(
      names = "--out",
      defaultValue = "docs",
      description = "Folder of benchmarks.md and of its images.")
  private Path out = Path.of("docs");

  @Option(names = "--quick", description = "Once each, to see that everything runs.")
  private boolean quick;

  @Option(names = "--full", description = "More rounds, and the largest sizes.")
  private boolean full;

  @Option(
      names = "--distilbert",
      description = "Folder that src/test/python/make_distilbert.py made.")
  private @Nullable Path distilbert;

  @Option(names = "--only", split = ",", description = "Sections to run (default: all).")
  private List<String> only = new ArrayList<>();

  @Option(names = "--runs", description = "Runs watched at the same time under load.")
  private @Nullable Integer runs;

  @Option(names = "--layers", description = "Layers of the model of each of them.")
  private @Nullable Integer layers;

  @Option(
      names = "--scratch",
      defaultValue = "${sys:java.io.tmpdir}",
      description = "Folder for files in passing, on the disk to be measured.")
  private Path scratch = Path.of("");

  @Option(
      names = "--device",
      defaultValue = "cpu",
      description = "cpu or cuda:N, for sections that estimate in this process.")
  private String device = "";

  @Override
  public Integer call() throws Exception {
    if (quick && full) {
      throw new UsageException("--quick and --full exclude each other");
    }
    for (String section : only) {
      if (!Bench.sections().contains(section)) {
        throw new UsageException("--only '" + section + "' is none of " + Bench.sections());
      }
    }
    Path model = distilbert;
    if (model != null && !Files.isRegularFile(model.resolve("graph.pt"))) {
      throw new UsageException(
          model + " holds no graph.pt; python src/test/python/make_distilbert.py makes one");
    }
    MarkedPage page = MarkedPage.read(out.resolve("benchmarks.md"));
    Preset preset = quick ? Preset.QUICK : full ? Preset.FULL : Preset.STANDARD;
    Settings settings =
        new Settings(
            preset,
            Optional.ofNullable(model).map(Path::toAbsolutePath),
            only,
            positive("--runs", runs),
            positive("--layers", layers),
            scratch.toAbsolutePath(),
            device);
    write(page, new Bench(settings, typed(), System.err).run());
    return 0;
  }

  private static OptionalInt positive(String option, @Nullable Integer value)
      throws UsageException {
    if (value != null && value < 1) {
      throw new UsageException(option + " is " + value + ", not 1 or more");
    }
    return value == null ? OptionalInt.empty() : OptionalInt.of(value);
  }

  /** What the user typed, less where the output goes. */
  private String typed() {
    return "java -jar fisherwatch.jar "
        + String.join(" ", spec.commandLine().getParent().getParseResult().originalArgs());
  }

  private void write(MarkedPage page, Report report) throws IOException, UsageException {
    for (Map.Entry<String, String> section : report.texts().entrySet()) {
      page.replace(section.getKey(), section.getValue());
    }
    page.replace(GOALS, report.goals(page.between(GOALS)));
    Path images = Files.createDirectories(out.resolve("images"));
    for (Plot plot : report.plots()) {
      Files.writeString(
          images.resolve(plot.name() + ".svg"),
          LogPlot.ofGrowth(plot.title(), plot.abscissa(), plot.lines()));
    }
    page.write();
  }
}
