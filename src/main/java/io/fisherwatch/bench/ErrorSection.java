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

  private static final String FEW = "few";
  private static final String MANY = "many";
  private static final String TRACES_OF_OURS = "traces";
  private static final String DIAGONAL_OF_OURS = "diagonal";
  private static final String WITH_SPECTRUM = ", with the spectrum";

  /**
   * How thoroughly.
   *
   * @param probes plain ones whose variation is measured
   * @param seeds estimates with them
   * @param timed probes of a shorter estimate; it and one of twice as many give the time of a pass
   * @param rounds of times
   */
  private record Effort(int probes, int seeds, int timed, int rounds) {}

  /**
   * What plain probes need, extrapolated: a variance falls with the number of probes.
   *
   * @param passes probes needed
   * @param aPass seconds of one
   * @param rest seconds of everything else
   */
  private record Plain(String model, String asked, double passes, double aPass, double rest) {

    double seconds() {
      return rest + Math.max(1, passes) * aPass;
    }
  }

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
            "plain over ours",
            "time with the spectrum",
            "plain over ours, both with it");
    int seeds = site.preset().pick(2, 8, 16);
    int rounds = site.preset().pick(1, 5, 9);
    measure(site, part, table, site.workloads().digits(128), new Effort(16, seeds, 16, rounds));
    measure(
        site, part, table, site.workloads().trainedDigits(128), new Effort(16, seeds, 16, rounds));
    Optional<Workloads.Workload> distilbert = site.workloads().distilbert();
    if (distilbert.isPresent()) {
      int probes = site.preset().pick(4, 16, 16);
      int repeated = site.preset().pick(1, 1, 3);
      Effort effort = new Effort(probes, repeated, 2, repeated);
      measure(site, part, table, distilbert.get(), effort);
    }
    part.add(table);
  }

  private static void measure(
      Bench.Site site, Report.Part part, Table table, Workloads.Workload workload, Effort effort)
      throws Exception {
    Path file = site.folder().resolve("diagonal.safetensors");
    try (Model model = site.workloads().load(workload)) {
      int probes = effort.probes();
      int seeds = effort.seeds();
      int few = effort.timed();
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
              .add(FEW, () -> Estimates.fixed(model, workload, plain(few, 0, true), false))
              .add(MANY, () -> Estimates.fixed(model, workload, plain(2 * few, 0, true), false));
      addOurs(timed, TRACES_OF_OURS, model, workload, traces.settings());
      addOurs(timed, DIAGONAL_OF_OURS, model, workload, diagonal.settings());
      timed.run(effort.rounds());
      double aPass = (timed.median(MANY) - timed.median(FEW)) / few;
      double rest = Math.max(0, timed.median(FEW) - few * aPass);
      String name = workload.name() + " (" + exactly.settings().path() + ")";
      Plain forThem = new Plain(name, "5 % of three traces", forTraces, aPass, rest);
      row(part, table, forThem, traces, timed, TRACES_OF_OURS);
      Plain forIt = new Plain(name, "10 % of the diagonal", forDiagonal, aPass, rest);
      row(part, table, forIt, diagonal, timed, DIAGONAL_OF_OURS);
    }
  }

  private static void addOurs(
      Rounds timed,
      String name,
      Model model,
      Workloads.Workload workload,
      EstimatorSettings settings) {
    timed
        .add(name, () -> Estimates.fixed(model, workload, settings, false))
        .add(name + WITH_SPECTRUM, () -> Estimates.fixed(model, workload, settings, true));
  }

  private static void row(
      Report.Part part, Table table, Plain plain, Reached ours, Rounds timed, String name) {
    double seconds = timed.median(name);
    double ratio = plain.seconds() / seconds;
    double withSpectrum = timed.median(name + WITH_SPECTRUM);
    double theirs = plain.seconds() + withSpectrum - seconds;
    table.row(
        plain.model(),
        plain.asked(),
        Numbers.of(plain.passes()),
        Numbers.seconds(plain.aPass()),
        Numbers.seconds(plain.seconds()),
        ours.label(),
        Numbers.of(100 * ours.error()) + " %",
        Numbers.seconds(seconds),
        Numbers.of(ratio),
        Numbers.seconds(withSpectrum),
        Numbers.of(theirs / withSpectrum));
    part.atLeast(plain.model() + ", time to " + plain.asked(), GOAL, ratio, " ×");
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
