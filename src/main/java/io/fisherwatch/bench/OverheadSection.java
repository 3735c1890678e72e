package io.fisherwatch.bench;

import io.fisherwatch.monitor.EstimatorSettings;
import io.fisherwatch.monitor.FisherMonitor;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.snapshot.Figures;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/** What the estimator adds to the forward and backward passes that it makes. */
final class OverheadSection implements Section {

  private static final String WHOLE = "whole";
  private static final int DIGITS = 128;

  /** An estimate, with what it may cost in passes of its own. */
  private record Variant(
      String name, EstimatorSettings settings, boolean running, OptionalDouble goal) {}

  /**
   * Nothing but passes that are squared example by example.
   *
   * @param pulls backward passes, each with cotangents of its own
   * @param goal in whole-batch passes; 0 for none
   */
  private record Squares(String name, int pulls, boolean diagonal, double goal) {}

  @Override
  public String name() {
    return "overhead";
  }

  @Override
  public void run(Bench.Site site, Report.Part part) throws Exception {
    Table table =
        new Table(
            "model",
            "estimate",
            "path",
            "backward passes over the batch",
            "bare loop, same passes",
            "estimate",
            "over the bare loop",
            "in whole-batch forward + backward");
    int many = site.preset().pick(1, 9, 15);
    List<Squares> small = List.of(new Squares("split pass alone, diagonal", 1, true, 4));
    measure(site, part, table, site.workloads().digits(DIGITS), small, digits(), many);
    Optional<Workloads.Workload> distilbert = site.workloads().distilbert();
    if (distilbert.isPresent()) {
      int rounds = site.preset().pick(1, 3, 7);
      List<Squares> squares =
          List.of(
              new Squares("split pass alone, traces", 1, false, 1.1),
              new Squares("split pass alone, diagonal", 1, true, 1.4),
              new Squares("F alone, exact, diagonal", 3, true, 3));
      measure(site, part, table, distilbert.get(), squares, distilbert(), rounds);
    } else {
      part.add(
          "No DistilBERT was given: `python src/test/python/make_distilbert.py DIR` makes one for"
              + " `--distilbert DIR`.");
    }
    part.add(table);
  }

  private static List<Variant> digits() {
    return List.of(
        variant("one pass, traces", Estimates.onePass(false), false, 0),
        variant("one pass, diagonal", Estimates.onePass(true), false, 0),
        variant("default, everything", Estimates.byDefault(true), false, 1.5));
  }

  private static List<Variant> distilbert() {
    return List.of(
        variant("one pass, traces", Estimates.onePass(false), false, 0),
        variant("one pass, diagonal", Estimates.onePass(true), false, 0),
        variant("exact, traces", Estimates.byDefault(false), false, 1.05),
        variant("exact, diagonal", Estimates.byDefault(true), false, 0),
        variant("running, diagonal and uncertainty", Estimates.byDefault(true), true, 1.15));
  }

  /** Goals of 0 are none. */
  private static Variant variant(
      String name, EstimatorSettings settings, boolean running, double goal) {
    OptionalDouble limit = goal > 0 ? OptionalDouble.of(goal) : OptionalDouble.empty();
    return new Variant(name, settings, running, limit);
  }

  private static void measure(
      Bench.Site site,
      Report.Part part,
      Table table,
      Workloads.Workload workload,
      List<Squares> squares,
      List<Variant> variants,
      int rounds)
      throws Exception {
    Rounds timed = site.rounds();
    Map<String, List<List<Passes.Step>>> passes = new LinkedHashMap<>();
    Map<String, String> paths = new LinkedHashMap<>();
    try (Model model = site.workloads().load(workload);
        Replay bare = new Replay(site, model, workload)) {
      List<List<Passes.Step>> whole = List.of(List.of(new Passes.Step(0, workload.examples(), 1)));
      timed.add(WHOLE, () -> bare.play(whole));
      for (Squares one : squares) {
        SquaredPasses passing = new SquaredPasses(one.pulls(), one.diagonal());
        List<List<Passes.Step>> made =
            Passes.of(model, watched -> paths.put(one.name(), passing.make(watched, workload)));
        if (!passes.containsValue(made)) {
          timed.add(floor(made), () -> bare.play(made));
        }
        passes.put(one.name(), made);
        timed.add(one.name(), () -> passing.make(model, workload));
      }
      for (Variant variant : variants) {
        List<List<Passes.Step>> made =
            Passes.of(
                model, watched -> paths.put(variant.name(), once(watched, workload, variant)));
        if (!passes.containsValue(made)) {
          timed.add(floor(made), () -> bare.play(made));
        }
        passes.put(variant.name(), made);
        timed.add(variant.name(), () -> once(model, workload, variant));
      }
      timed.run(rounds);
    }
    for (Squares one : squares) {
      Rounds.Ratio whole = row(table, workload, one.name(), passes, paths, timed).whole();
      String figure = workload.name() + ", " + one.name() + ", in whole-batch passes";
      part.atMost(figure, one.goal(), whole.median(), " ×");
    }
    for (Variant variant : variants) {
      Rounds.Ratio own = row(table, workload, variant.name(), passes, paths, timed).own();
      String figure = workload.name() + ", " + variant.name() + ", over a bare loop";
      variant.goal().ifPresent(goal -> part.atMost(figure, goal, own.median(), " ×"));
    }
  }

  private record Ratios(Rounds.Ratio own, Rounds.Ratio whole) {}

  private static Ratios row(
      Table table,
      Workloads.Workload workload,
      String name,
      Map<String, List<List<Passes.Step>>> passes,
      Map<String, String> paths,
      Rounds timed) {
    List<List<Passes.Step>> made = passes.getOrDefault(name, List.of());
    Ratios ratios = new Ratios(timed.ratio(name, floor(made)), timed.ratio(name, WHOLE));
    table.row(
        workload.name(),
        name,
        paths.getOrDefault(name, "–"),
        Numbers.of(Passes.backwards(made, workload.examples())),
        Numbers.seconds(timed.median(floor(made))),
        Numbers.seconds(timed.median(name)),
        ratios.own().toString(),
        ratios.whole().toString());
    return ratios;
  }

  private static String floor(List<List<Passes.Step>> made) {
    return "floor of " + made;
  }

  /** Makes an estimate, and tells which path it took. */
  private static String once(Model model, Workloads.Workload workload, Variant variant)
      throws Exception {
    Figures figures;
    if (variant.running()) {
      try (FisherMonitor monitor = Estimates.monitor(model, variant.settings())) {
        monitor.observe(workload.batch(), 0, 0);
        figures = monitor.figures();
      }
    } else {
      figures = Estimates.fixed(model, workload, variant.settings());
    }
    return figures.settings().path();
  }
}
