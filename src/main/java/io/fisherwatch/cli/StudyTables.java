package io.fisherwatch.cli;

import io.fisherwatch.likelihood.Core;
import io.fisherwatch.likelihood.Distribution;
import io.fisherwatch.likelihood.Likelihood;
import io.fisherwatch.likelihood.Probe;
import io.fisherwatch.monitor.EstimatorKind;
import io.fisherwatch.monitor.EstimatorSettings;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.snapshot.Estimate;
import io.fisherwatch.snapshot.LayerFigures;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** The tables of the study, as Markdown. */
final class StudyTables {

  private static final int WHOLE = EstimatorSettings.WHOLE;

  /** Larger models than this get fewer repetitions. */
  private static final long SMALL_MODEL = 10_000;

  private static final int LEAST_SEEDS = 8;
  private static final int DRAWS = 1_000_000;

  private final StringBuilder findings = new StringBuilder();
  private final StringBuilder decades = new StringBuilder();
  private final StringBuilder errors = new StringBuilder();
  private final StringBuilder labelDraws = new StringBuilder();

  /** The tables by the name of their place. */
  Map<String, String> byName() {
    Map<String, String> tables = new LinkedHashMap<>();
    tables.put("findings", findings.toString());
    tables.put("decades", decades.toString());
    tables.put("label draws", labelDraws.toString());
    tables.put("errors", errors.toString());
    return tables;
  }

  private static Study.Entry entry(
      String name, int passes, EstimatorKind kind, int rank, int probes, int microBatch) {
    return new Study.Entry(name, passes, kind, rank, probes, microBatch, Distribution.RADEMACHER);
  }

  /** Everything that is compared, at two, four and eight backward passes over the batch for F. */
  private static List<Study.Entry> entries() {
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
    return List.copyOf(entries);
  }

  /**
   * Adds a network at one stage.
   *
   * @return the plot of its errors
   */
  String add(Study study, Study.Subject subject, int seeds) throws IOException, ModelException {
    try (Model model = study.load(subject)) {
      Study.Made exact =
          study.estimate(
              model, subject, entry("exact", 0, EstimatorKind.EXACT, 1, 1, 1).settings(0));
      addFinding(subject, exact);
      addDecades(subject, exact);
      String title = subject.title();
      line(errors, "%s### %s%n", errors.isEmpty() ? "" : "\n", title);
      line(errors, "![Error over passes, %s](%s)%n", title, StudyCommand.image(subject));
      errors.append(
          """
          | estimator | passes | bias of tr F (z) | CV | error of tr F | error of the diagonal | ms | error in equal time |
          | --- | --- | --- | --- | --- | --- | --- | --- |
          """);
      boolean small = exact.figures().parameters() <= SMALL_MODEL;
      int repetitions = small ? seeds : Math.min(seeds, LEAST_SEEDS);
      Map<String, Map<Integer, Double>> lines = new LinkedHashMap<>();
      double referenceSeconds = 0;
      for (Study.Entry entry : entries()) {
        if (entry.rank() > subject.classes() - 1) {
          continue;
        }
        List<Study.Made> estimates = study.estimates(model, subject, entry, repetitions);
        Study.Score score = study.score(exact, estimates, Estimate.FISHER);
        referenceSeconds = referenceSeconds == 0 ? score.seconds() : referenceSeconds;
        addErrors(entry.name(), entry.passes(), score, referenceSeconds);
        lines
            .computeIfAbsent(entry.name(), any -> new TreeMap<>())
            .put(entry.passes(), score.traceError());
        if (isPlain(entry)) {
          Study.Score empirical = study.score(exact, estimates, Estimate.EMPIRICAL);
          addErrors("whole batch, empirical", entry.passes(), empirical, Double.NaN);
          lines
              .computeIfAbsent("whole batch, empirical", any -> new TreeMap<>())
              .put(entry.passes(), empirical.traceError());
        }
      }
      return LogPlot.ofErrors(subject.title(), lines);
    }
  }

  private static boolean isPlain(Study.Entry entry) {
    return entry.kind() == EstimatorKind.HUTCHINSON
        && entry.microBatch() == WHOLE
        && entry.distribution() == Distribution.RADEMACHER;
  }

  /** Means over repetitions have an error that falls with the root of the time. */
  private void addErrors(String name, int passes, Study.Score score, double referenceSeconds) {
    boolean timed = !Double.isNaN(referenceSeconds);
    line(
        errors,
        "| %s | %d | %+.3f (%s) | %.2g | %.2g | %s | %s | %s |",
        name,
        passes,
        score.bias(),
        Double.isNaN(score.z()) ? "no noise" : String.format(Locale.ROOT, "%+.1f", score.z()),
        score.variation(),
        score.traceError(),
        Double.isNaN(score.diagonalError()) ? "–" : significant(score.diagonalError()),
        timed ? String.format(Locale.ROOT, "%.1f", 1e3 * score.seconds()) : "–",
        timed
            ? significant(score.variation() * Math.sqrt(score.seconds() / referenceSeconds))
            : "–");
  }

  private static String significant(double value) {
    return String.format(Locale.ROOT, "%.2g", value);
  }

  private void addFinding(Study.Subject subject, Study.Made exact) {
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

  /** Shares of the exact diagonal's entries by decade. */
  private void addDecades(Study.Subject subject, Study.Made exact) {
    if (decades.isEmpty()) {
      decades.append(
          "| network | zero | below 1e-10 | 1e-10 to 1e-8 | 1e-8 to 1e-6 | 1e-6 to 1e-5");
      decades.append(" | 1e-5 to 1e-4 | 1e-4 to 1e-3 | 1e-3 to 1e-2 | above |\n");
      decades.append("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
    }
    int[] ends = {-10, -8, -6, -5, -4, -3, -2, Integer.MAX_VALUE};
    double[] shares = new double[ends.length];
    double[] zero = new double[1];
    exact
        .figures()
        .total()
        .diagonal()
        .orElseThrow()
        .density()
        .forEach(
            (bucket, share) -> {
              if (bucket.equals("zero")) {
                zero[0] = share;
                return;
              }
              int exponent =
                  switch (bucket) {
                    case "under" -> Integer.MIN_VALUE;
                    case "over" -> Integer.MAX_VALUE - 1;
                    default -> Integer.parseInt(bucket);
                  };
              int column = 0;
              while (exponent >= ends[column]) {
                column++;
              }
              shares[column] += share;
            });
    decades.append("| ").append(subject.title());
    decades.append(String.format(Locale.ROOT, " | %.1f %%", 100 * zero[0]));
    for (double share : shares) {
      decades.append(String.format(Locale.ROOT, " | %.1f %%", 100 * share));
    }
    decades.append(" |\n");
  }

  /** One binary output: how the square of one entry of a cotangent varies, by the rare class. */
  void addLabelDraws() {
    labelDraws.append(
        """
        | probability of the rarer class | drawn label, measured | (1 − 2ε)/√(ε(1 − ε)) | plain signs, measured | 2√(ε(1 − ε)) | deflated |
        | --- | --- | --- | --- | --- | --- |
        """);
    for (String probability : List.of("0.5", "0.1", "0.01", "0.001", "0.0001")) {
      double rare = Double.parseDouble(probability);
      Core core = Likelihood.categorical().core(new double[] {Math.log((1 - rare) / rare), 0});
      double spread = rare * (1 - rare);
      line(
          labelDraws,
          "| %s | %.3g | %.3g | %.3g | %.3g | 0 |",
          probability,
          variation(core, true),
          (1 - 2 * rare) / Math.sqrt(spread),
          variation(core, false),
          2 * Math.sqrt(spread));
    }
  }

  private static double variation(Core core, boolean drawn) {
    double sum = 0;
    double squares = 0;
    double[] u = new double[core.classes()];
    for (int draw = 0; draw < DRAWS; draw++) {
      Probe probe = Probe.of(Distribution.RADEMACHER, draw);
      if (drawn) {
        core.sampledLabel(probe, u);
      } else {
        core.fisher(probe, u);
      }
      double square = u[1] * u[1];
      sum += square;
      squares += square * square;
    }
    double mean = sum / DRAWS;
    return Math.sqrt(Math.max(0, squares / DRAWS - mean * mean)) / mean;
  }

  private static void line(StringBuilder table, String format, Object... values) {
    table.append(String.format(Locale.ROOT, format, values)).append('\n');
  }
}
