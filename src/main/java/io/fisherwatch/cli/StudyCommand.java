package io.fisherwatch.cli;

import io.fisherwatch.djl.TorchRuntime;
import io.fisherwatch.likelihood.Distribution;
import io.fisherwatch.monitor.EstimatorKind;
import io.fisherwatch.monitor.EstimatorSettings;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.snapshot.Estimate;
import io.fisherwatch.snapshot.LayerFigures;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Measures bias and error of every estimator at equal work, and writes docs/study.md's tables. */
@Command(
    name = "study",
    hidden = true,
    description = "Compares the estimators on digits; writes tables and plots.")
final class StudyCommand implements Callable<Integer> {

  private static final int WHOLE = EstimatorSettings.WHOLE;

  @Option(names = "--out", defaultValue = "docs", description = "Folder for the tables and plots.")
  private Path out = Path.of("docs");

  @Option(names = "--seeds", defaultValue = "40", description = "Repetitions of each estimate.")
  private int seeds;

  @Option(names = "--only", description = "One network alone: digits-2, digits-10, tokens, …")
  private @Nullable String only;

  @Override
  public Integer call() throws IOException, ModelException, UsageException {
    if (seeds < 2) {
      throw new UsageException("--seeds " + seeds + " is below 2");
    }
    StringBuilder findings = new StringBuilder();
    StringBuilder errors = new StringBuilder();
    Files.createDirectories(out.resolve("images"));
    try (TorchRuntime runtime = TorchRuntime.open("cpu", 0);
        Study study = new Study(runtime, Files.createTempDirectory("fisherwatch-study"))) {
      for (Study.Subject subject : subjects(study)) {
        if (only != null && !only.equals(subject.name())) {
          continue;
        }
        System.err.println("study: " + subject.title());
        one(study, subject, findings, errors);
      }
    }
    Files.writeString(out.resolve("study-findings.md"), findings);
    Files.writeString(out.resolve("study-errors.md"), errors);
    return 0;
  }

  private static List<Study.Subject> subjects(Study study) throws IOException, ModelException {
    Map<String, Integer> networks = new LinkedHashMap<>();
    networks.put("digits-2", 2);
    networks.put("digits-4", 4);
    networks.put("digits-10", 10);
    networks.put("digits-1000", 1000);
    networks.put("tokens", 10);
    List<Study.Subject> subjects = new ArrayList<>();
    for (Map.Entry<String, Integer> network : networks.entrySet()) {
      Study.Subject untrained = study.untrained(network.getKey(), network.getValue());
      subjects.add(untrained);
      subjects.add(study.trained(untrained));
    }
    return subjects;
  }

  private static Study.Entry entry(
      String name, int passes, EstimatorKind kind, int rank, int probes, int microBatch) {
    return new Study.Entry(name, passes, kind, rank, probes, microBatch, Distribution.RADEMACHER);
  }

  /** Everything that is compared, two and four backward passes over the batch for F. */
  static List<Study.Entry> entries() {
    List<Study.Entry> entries = new ArrayList<>();
    for (int passes : new int[] {2, 4}) {
      entries.add(entry("whole batch, plain", passes, EstimatorKind.HUTCHINSON, 0, passes, WHOLE));
      entries.add(
          new Study.Entry(
              "whole batch, Gaussian",
              passes,
              EstimatorKind.HUTCHINSON,
              0,
              passes,
              WHOLE,
              Distribution.GAUSSIAN));
      entries.add(
          entry(
              "whole batch, sampled labels", passes, EstimatorKind.MONTE_CARLO, 0, passes, WHOLE));
      entries.add(
          entry("example by example, plain", passes, EstimatorKind.HUTCHINSON, 0, passes, 1));
      entries.add(entry("deflated by eights", passes, EstimatorKind.DEFLATED, passes - 1, 1, 8));
      entries.add(entry("deflated", passes, EstimatorKind.DEFLATED, passes - 1, 1, 1));
    }
    entries.add(entry("deflated, 3 probes", 4, EstimatorKind.DEFLATED, 1, 3, 1));
    entries.add(entry("whole batch, plain", 8, EstimatorKind.HUTCHINSON, 0, 8, WHOLE));
    entries.add(entry("whole batch, sampled labels", 8, EstimatorKind.MONTE_CARLO, 0, 8, WHOLE));
    entries.add(entry("example by example, plain", 8, EstimatorKind.HUTCHINSON, 0, 8, 1));
    entries.add(entry("deflated", 8, EstimatorKind.DEFLATED, 7, 1, 1));
    return entries;
  }

  private void one(Study study, Study.Subject subject, StringBuilder findings, StringBuilder errors)
      throws IOException, ModelException {
    try (Model model = study.load(subject)) {
      Study.Entry exactly = entry("exact", 0, EstimatorKind.EXACT, 1, 1, 1);
      Study.Made exact = study.estimate(model, subject, exactly.settings(0));
      finding(subject, exact, findings);
      if (subject.classes() > 10) {
        study.estimate(model, subject, exactly.settings(0)); // once more, now that it is warm
      }
      Map<String, Map<Integer, Double>> lines = new LinkedHashMap<>();
      errors.append("\n### ").append(subject.title()).append("\n\n");
      errors.append(
          """
          | estimator | passes | bias (z) | error of tr F | error of the diagonal | error × √time |
          | --- | --- | --- | --- | --- | --- |
          """);
      for (Study.Entry entry : entries()) {
        if (entry.rank() > subject.classes() - 1) {
          continue;
        }
        int repetitions = subject.classes() > 10 && entry.microBatch() < WHOLE ? seeds / 4 : seeds;
        Study.Score score = study.score(model, subject, exact, entry, Math.max(2, repetitions));
        errors.append(
            String.format(
                Locale.ROOT,
                "| %s | %d | %+.1f | %.2g | %.2g | %.2g |%n",
                entry.name(),
                entry.passes(),
                score.bias(),
                score.traceError(),
                score.diagonalError(),
                score.traceError() * Math.sqrt(score.seconds())));
        lines
            .computeIfAbsent(entry.name(), any -> new TreeMap<>())
            .put(entry.passes(), score.traceError());
      }
      String image = "images/study-" + subject.title().replace(", ", "-") + ".svg";
      Files.writeString(out.resolve(image), StudyPlot.of(subject.title(), lines));
    }
  }

  private static void finding(Study.Subject subject, Study.Made exact, StringBuilder findings) {
    LayerFigures total = exact.figures().total();
    if (findings.isEmpty()) {
      findings.append(
          "| network | mean p_max | lower/F | upper/F | empirical/F | entries below 1e-5 | effective"
              + " rank | most information per parameter | least |\n"
              + "| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
    }
    double fisher = Study.trace(exact);
    LayerFigures most = null;
    LayerFigures least = null;
    for (LayerFigures layer :
        exact.figures().layers().subList(1, exact.figures().layers().size())) {
      most = most == null || density(layer) > density(most) ? layer : most;
      least = least == null || density(layer) < density(least) ? layer : least;
    }
    findings.append(
        String.format(
            Locale.ROOT,
            "| %s | %.3f | %.4f | %.3f | %.2f | %.1f %% | %s | %s | %s |%n",
            subject.title(),
            exact.figures().core().maxProbability(),
            value(total, Estimate.LOWER) / fisher,
            value(total, Estimate.UPPER) / fisher,
            value(total, Estimate.EMPIRICAL) / fisher,
            100 * total.diagonal().map(d -> d.smallShare().getOrDefault("1e-05", 0.0)).orElse(0.0),
            total
                .effectiveRank()
                .map(r -> String.format(Locale.ROOT, "%.1f", r.value()))
                .orElse("–"),
            most == null ? "–" : most.layer(),
            least == null ? "–" : least.layer()));
  }

  private static double density(LayerFigures layer) {
    return value(layer, Estimate.FISHER) / layer.parameters();
  }

  private static double value(LayerFigures layer, Estimate estimate) {
    return Study.trace(layer, estimate);
  }
}
