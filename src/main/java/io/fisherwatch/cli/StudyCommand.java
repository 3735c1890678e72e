package io.fisherwatch.cli;

import io.fisherwatch.djl.TorchRuntime;
import io.fisherwatch.runtime.ModelException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Measures bias and error of every estimator, and writes the tables of docs/study.md between its
 * marks, and its plots.
 */
@Command(
    name = "study",
    hidden = true,
    description = "Compares the estimators on digits; writes tables and plots.")
final class StudyCommand implements Callable<Integer> {

  @Option(
      names = "--out",
      defaultValue = "docs",
      description = "Folder of study.md and of its images.")
  private Path out = Path.of("docs");

  @Option(names = "--seeds", defaultValue = "24", description = "Repetitions of each estimate.")
  private int seeds;

  @Option(names = "--only", description = "One network alone: digits-2, digits-10, tokens, …")
  private @Nullable String only;

  @Override
  public Integer call() throws IOException, ModelException, UsageException {
    if (seeds < 2) {
      throw new UsageException("--seeds " + seeds + " is below 2");
    }
    MarkedPage page = MarkedPage.read(out.resolve("study.md"));
    Files.createDirectories(out.resolve("images"));
    StudyTables tables = new StudyTables();
    try (TorchRuntime runtime = TorchRuntime.open("cpu", 1);
        Study study = new Study(runtime, Files.createTempDirectory("fisherwatch-study"))) {
      for (Map.Entry<String, Integer> network : networks().entrySet()) {
        if (only == null || only.equals(network.getKey())) {
          Study.Subject untrained = study.untrained(network.getKey(), network.getValue());
          for (Study.Subject subject : List.of(untrained, study.trained(untrained))) {
            System.err.println("study: " + subject.title());
            String plot = tables.add(study, subject, seeds);
            Files.writeString(out.resolve(image(subject)), plot);
          }
        }
      }
    }
    tables.addLabelDraws();
    for (Map.Entry<String, String> table : tables.byName().entrySet()) {
      page.replace(table.getKey(), table.getValue());
    }
    page.write();
    return 0;
  }

  /** Networks with their classes. */
  private static Map<String, Integer> networks() {
    Map<String, Integer> networks = new LinkedHashMap<>();
    networks.put("digits-2", 2);
    networks.put("digits-4", 4);
    networks.put("digits-10", 10);
    networks.put("digits-1000", 1000);
    networks.put("tokens", 10);
    return networks;
  }

  static String image(Study.Subject subject) {
    return "images/study-" + subject.title().replace(", ", "-") + ".svg";
  }
}
