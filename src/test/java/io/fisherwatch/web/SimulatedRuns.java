package io.fisherwatch.web;

import io.fisherwatch.snapshot.Bound;
import io.fisherwatch.snapshot.CoreFigures;
import io.fisherwatch.snapshot.DiagonalFigure;
import io.fisherwatch.snapshot.Estimate;
import io.fisherwatch.snapshot.Figures;
import io.fisherwatch.snapshot.LayerFigures;
import io.fisherwatch.snapshot.RunSnapshot;
import io.fisherwatch.snapshot.Settings;
import io.fisherwatch.snapshot.TraceFigure;
import io.fisherwatch.snapshot.Uncertain;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.function.LongSupplier;

/** Snapshots of runs that never were: smooth curves with bands, the same every time. */
final class SimulatedRuns {

  private static final int STEPS_PER_CHECKPOINT = 10;
  private static final Settings SETTINGS =
      new Settings("deflated", 2, 4, 1, "rademacher", "plain", "", "micro-batch 4 costs the least");

  private final LongSupplier clock;
  private final Map<String, Integer> steps = new HashMap<>();
  private final Map<String, Integer> attempts = new HashMap<>();
  private final Set<String> ended = new HashSet<>();

  SimulatedRuns(LongSupplier clockMillis) {
    clock = clockMillis;
  }

  /** The next step of a run. The second layer of each is called by a name that bites. */
  RunSnapshot next(String run, int layers, double ageSeconds) {
    int step = steps.merge(run, 1, Integer::sum);
    List<LayerFigures> figures = new ArrayList<>();
    figures.add(layer(LayerFigures.TOTAL, layers, step));
    for (int i = 0; i < layers; i++) {
      figures.add(layer(i == 1 ? "<img src=x onerror=bite()>" : "block." + i + ".out", i, step));
    }
    return snapshot(run, step, ageSeconds, figures);
  }

  /** A run whose errors, gaps, spectrum and diagonal are undefined. */
  RunSnapshot bare(String run) {
    List<LayerFigures> figures = new ArrayList<>();
    for (String name : List.of(LayerFigures.TOTAL, "only")) {
      figures.add(
          new LayerFigures(
              name,
              10,
              10,
              0,
              Map.of(Estimate.FISHER, new TraceFigure(Uncertain.of(1.5), Optional.empty())),
              Map.of(),
              Optional.empty(),
              Optional.empty(),
              Optional.empty(),
              Optional.empty()));
    }
    return snapshot(run, steps.merge(run, 1, Integer::sum), 0, figures);
  }

  void beginAgain(String run) {
    attempts.merge(run, 1, Integer::sum);
    steps.put(run, 0);
  }

  void end(String run) {
    ended.add(run);
  }

  private RunSnapshot snapshot(
      String run, int step, double ageSeconds, List<LayerFigures> figures) {
    double now = clock.getAsLong() / 1000.0 - ageSeconds;
    long checkpoint = (long) step / STEPS_PER_CHECKPOINT * STEPS_PER_CHECKPOINT;
    return new RunSnapshot(
        run,
        1 + attempts.getOrDefault(run, 0),
        checkpoint,
        step,
        now - 1,
        now,
        12,
        6,
        ended.contains(run),
        new Figures(
            100L * step,
            100L * step,
            10,
            1000,
            step,
            SETTINGS,
            new CoreFigures(0.7, 0.3, 0.5, 1.2),
            Map.of(),
            figures));
  }

  private static LayerFigures layer(String name, int index, int step) {
    double trace = (10 + index) * (1.5 + Math.sin(step / 15.0 + index));
    Map<Estimate, TraceFigure> traces = new LinkedHashMap<>();
    traces.put(Estimate.LOWER, trace(0.6 * trace));
    traces.put(Estimate.FISHER, trace(trace));
    traces.put(Estimate.UPPER, trace(2.5 * trace));
    traces.put(Estimate.EMPIRICAL, trace(1.1 * trace));
    return new LayerFigures(
        name,
        1000,
        990,
        0,
        traces,
        Map.of(
            Bound.LOWER, Uncertain.of(0.4 * trace, 0.04 * trace),
            Bound.UPPER, Uncertain.of(1.5 * trace, 0.1 * trace)),
        Optional.of(diagonal(step)),
        Optional.of(Uncertain.of(8 + index, 1)),
        Optional.of(Uncertain.of(trace / 4, trace / 40)),
        Optional.of(Uncertain.of(trace * trace / 8)));
  }

  private static TraceFigure trace(double value) {
    return new TraceFigure(
        Uncertain.of(value, 0.05 * value).withLogHalfWidth(0.1),
        Optional.of(Uncertain.of(0.9, 0.1)),
        OptionalDouble.of(0.3));
  }

  private static DiagonalFigure diagonal(int step) {
    Map<String, Double> density = new LinkedHashMap<>();
    density.put("zero", 0.1);
    density.put("under", 0.0);
    for (int decade = -20; decade <= 4; decade++) {
      int distance = Math.abs(decade + 5 + step / 40);
      density.put(Integer.toString(decade), distance > 3 ? 0.0 : distance == 0 ? 0.3 : 0.1);
    }
    density.put("over", 0.0);
    return new DiagonalFigure(
        Map.of(0.01, 0.0, 0.1, 1e-8, 0.5, 1e-5, 0.9, 1e-3, 0.99, 1e-2),
        density,
        Map.of("1e-05", 0.5, "relative", 0.4),
        Map.of("1e-05", 0.01, "relative", 0.02));
  }
}
