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

  /** An estimate, with what it may cost in passes of its own and in whole-batch passes. */
  private record Variant(
      String name,
      EstimatorSettings settings,
      boolean running,
      OptionalDouble ownGoal,
      OptionalDouble wholeGoal) {}

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
    measure(site, part, table, site.workloads().digits(DIGITS), digits(), many);
    Optional<Workloads.Workload> distilbert = site.workloads().distilbert();
    if (distilbert.isPresent()) {
      int rounds = site.preset().pick(1, 3, 7);
      measure(site, part, table, distilbert.get(), distilbert(), rounds);
    } else {
      part.add(
          "No DistilBERT was given: `python src/test/python/make_distilbert.py DIR` makes one for"
              + " `--distilbert DIR`.");
    }
    part.add(table);
  }

  private static List<Variant> digits() {
    return List.of(
        variant("one pass, traces", Estimates.onePass(false), false, 0, 0),
        variant("one pass, diagonal", Estimates.onePass(true), false, 0, 4),
        variant("default, everything", Estimates.byDefault(true), false, 1.5, 0));
  }

  private static List<Variant> distilbert() {
    return List.of(
        variant("one pass, traces", Estimates.onePass(false), false, 0, 1.1),
        variant("one pass, diagonal", Estimates.onePass(true), false, 0, 1.4),
        variant("exact, traces", Estimates.byDefault(false), false, 1.05, 0),
        variant("exact, diagonal", Estimates.byDefault(true), false, 0, 3),
        variant("running, diagonal and uncertainty", Estimates.byDefault(true), true, 1.15, 0));
  }

  /** Goals of 0 are none. */
  private static Variant variant(
      String name, EstimatorSettings settings, boolean running, double own, double whole) {
    return new Variant(
        name,
        settings,
        running,
        own > 0 ? OptionalDouble.of(own) : OptionalDouble.empty(),
        whole > 0 ? OptionalDouble.of(whole) : OptionalDouble.empty());
  }

  private static void measure(
      Bench.Site site,
      Report.Part part,
      Table table,
      Workloads.Workload workload,
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
    for (Variant variant : variants) {
      List<List<Passes.Step>> made = passes.getOrDefault(variant.name(), List.of());
      Rounds.Ratio own = timed.ratio(variant.name(), floor(made));
      Rounds.Ratio inWhole = timed.ratio(variant.name(), WHOLE);
      table.row(
          workload.name(),
          variant.name(),
          paths.getOrDefault(variant.name(), "–"),
          Numbers.of(Passes.backwards(made, workload.examples())),
          Numbers.seconds(timed.median(floor(made))),
          Numbers.seconds(timed.median(variant.name())),
          own.toString(),
          inWhole.toString());
      String figure = workload.name() + ", " + variant.name();
      variant
          .ownGoal()
          .ifPresent(goal -> part.atMost(figure + ", over a bare loop", goal, own.median(), " ×"));
      variant
          .wholeGoal()
          .ifPresent(
              goal ->
                  part.atMost(figure + ", in whole-batch passes", goal, inWhole.median(), " ×"));
    }
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
