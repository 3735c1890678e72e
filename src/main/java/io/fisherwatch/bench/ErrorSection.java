package io.fisherwatch.bench;

import io.fisherwatch.monitor.EstimatorKind;
import io.fisherwatch.monitor.EstimatorSettings;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.snapshot.Estimate;
import io.fisherwatch.snapshot.Figures;
import io.fisherwatch.snapshot.TraceFigure;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/** How long it takes until an estimate is as good as asked, against plain whole-batch probes. */
final class ErrorSection implements Section {

  private static final double TRACE_ERROR = 0.05;
  private static final double DIAGONAL_ERROR = 0.1;
  private static final double GOAL = 20;
  private static final int MOST_PROBES = 64;
  private static final List<Estimate> TRACES =
      List.of(Estimate.LOWER, Estimate.FISHER, Estimate.UPPER);

  /** The least that reaches an error, and which it is. */
  private record Reached(EstimatorSettings settings, double error) {

    String label() {
      OptionalInt probes = settings.probes();
      return settings.kind().label()
          + (settings.rank().isPresent() ? ", rank " + settings.rank().getAsInt() : "")
          + (probes.isPresent() ? ", probes " + probes.getAsInt() : "");
    }
  }

  @Override
  public String name() {
    return "error";
  }

  @Override
  public void run(Bench.Site site, Report.Part part) throws Exception {
    Table table =
        new Table(
            "model",
            "error asked for",
            "plain: passes needed",
            "a pass",
            "time",
            "ours",
            "its error",
            "time",
            "plain over ours");
    measure(site, part, table, site.workloads().digits(128), 16);
    measure(site, part, table, site.workloads().trainedDigits(128), 16);
    Optional<Workloads.Workload> distilbert = site.workloads().distilbert();
    if (distilbert.isPresent()) {
      measure(site, part, table, distilbert.get(), site.preset().pick(4, 16, 32));
    }
    part.add(table);
  }

  private static void measure(
      Bench.Site site, Report.Part part, Table table, Workloads.Workload workload, int probes)
      throws Exception {
    Path file = site.folder().resolve("diagonal.safetensors");
    try (Model model = site.workloads().load(workload)) {
      boolean small = workload.examples() > 16;
      int seeds = site.preset().pick(2, small ? 8 : 2, small ? 16 : 4);
      site.say("error, exact diagonal of " + workload.name());
      Figures exactly = Estimates.withDiagonal(model, workload, exact(), file);
      DiagonalErrors yardstick = DiagonalErrors.of(file);
      List<Double> squares = new ArrayList<>();
      double diagonalError = 0;
      for (int seed = 0; seed < seeds; seed++) {
        Figures plain = Estimates.withDiagonal(model, workload, plain(probes, seed, true), file);
        squares.add(variation(plain));
        diagonalError += yardstick.medianOf(file) / seeds;
      }
      double variance =
          squares.stream().mapToDouble(Double::doubleValue).average().orElse(Double.NaN);
      double forTraces = variance / (TRACE_ERROR * TRACE_ERROR);
      double forDiagonal = probes * Math.pow(diagonalError / DIAGONAL_ERROR, 2);
      Reached traces = reachTraces(model, workload);
      Reached diagonal = reachDiagonal(model, workload, yardstick, file);
      site.say("error, times of " + workload.name());
      Rounds timed =
          site.rounds()
              .add("few", () -> Estimates.fixed(model, workload, plain(probes, 0, false)))
              .add("many", () -> Estimates.fixed(model, workload, plain(2 * probes, 0, false)))
              .add("few, d", () -> Estimates.fixed(model, workload, plain(probes, 0, true)))
              .add("many, d", () -> Estimates.fixed(model, workload, plain(2 * probes, 0, true)))
              .add("traces", () -> Estimates.fixed(model, workload, traces.settings()))
              .add("diagonal", () -> Estimates.fixed(model, workload, diagonal.settings()))
              .run(1, site.preset().pick(1, small ? 5 : 1, small ? 9 : 3));
      String name = workload.name() + " (" + exactly.settings().path() + ")";
      row(part, table, name, "5 % of three traces", forTraces, probes, timed, "", traces);
      row(part, table, name, "10 % of the diagonal", forDiagonal, probes, timed, ", d", diagonal);
    }
  }

  private static void row(
      Report.Part part,
      Table table,
      String name,
      String asked,
      double passes,
      int probes,
      Rounds timed,
      String suffix,
      Reached ours) {
    double aPass = (timed.median("many" + suffix) - timed.median("few" + suffix)) / probes;
    double rest = Math.max(0, timed.median("few" + suffix) - probes * aPass);
    double plain = rest + Math.max(1, passes) * aPass;
    double own = timed.median(suffix.isEmpty() ? "traces" : "diagonal");
    table.row(
        name,
        asked,
        Numbers.of(passes),
        Numbers.seconds(aPass),
        Numbers.seconds(plain),
        ours.label(),
        Numbers.of(100 * ours.error()) + " %",
        Numbers.seconds(own),
        Numbers.of(plain / own));
    part.atLeast(name + ", time to " + asked, GOAL, plain / own, " ×");
  }

  /** The largest squared coefficient of variation of one plain probe, of the three traces. */
  private static double variation(Figures figures) {
    double most = 0;
    for (Estimate estimate : TRACES) {
      TraceFigure trace = figures.total().traces().get(estimate);
      if (trace != null && trace.probeCv().isPresent()) {
        most = Math.max(most, trace.probeCv().get().value());
      }
    }
    return most * most;
  }

  private static double traceError(Figures figures) {
    double most = 0;
    for (Estimate estimate : TRACES) {
      TraceFigure trace = figures.total().traces().get(estimate);
      if (trace != null) {
        double error = trace.trace().standardError().orElse(0);
        most = Math.max(most, error / trace.trace().value());
      }
    }
    return most;
  }

  private static Reached reachTraces(Model model, Workloads.Workload workload) throws Exception {
    double error = Double.NaN;
    for (EstimatorSettings settings : candidates(false)) {
      error = traceError(Estimates.fixed(model, workload, settings));
      if (error <= TRACE_ERROR) {
        return new Reached(settings, error);
      }
    }
    throw new IllegalStateException(
        workload.name() + ": no trace within 5 %, the last one has an error of " + error);
  }

  private static Reached reachDiagonal(
      Model model, Workloads.Workload workload, DiagonalErrors yardstick, Path file)
      throws Exception {
    double error = Double.NaN;
    for (EstimatorSettings settings : candidates(true)) {
      Figures unused = Estimates.withDiagonal(model, workload, settings, file);
      error = yardstick.medianOf(file);
      if (error <= DIAGONAL_ERROR) {
        return new Reached(settings, error);
      }
    }
    throw new IllegalStateException(
        workload.name() + ": no diagonal within 10 %, the last one has an error of " + error);
  }

  /** From the cheapest on; two probes at least, which tell their error. */
  private static List<EstimatorSettings> candidates(boolean diagonal) {
    List<EstimatorSettings> candidates = new ArrayList<>();
    for (int probes = 2; probes <= MOST_PROBES; probes *= 2) {
      candidates.add(
          Estimates.settings(
              EstimatorKind.DEFLATED, OptionalInt.of(0), OptionalInt.of(probes), 1, diagonal));
      candidates.add(
          Estimates.settings(
              EstimatorKind.DEFLATED, OptionalInt.empty(), OptionalInt.of(probes), 1, diagonal));
    }
    return candidates;
  }

  private static EstimatorSettings plain(int probes, long seed, boolean diagonal) {
    return Estimates.settings(
        EstimatorKind.HUTCHINSON, OptionalInt.empty(), OptionalInt.of(probes), seed, diagonal);
  }

  private static EstimatorSettings exact() {
    return Estimates.settings(
        EstimatorKind.EXACT, OptionalInt.empty(), OptionalInt.empty(), 0, true);
  }
}
