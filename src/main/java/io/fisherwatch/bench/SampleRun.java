package io.fisherwatch.bench;

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
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/** A snapshot in which every figure of every layer is there. */
public final class SampleRun {

  private static final int DECADES = 24;

  private SampleRun() {}

  /** A run of so many layers. */
  public static RunSnapshot of(int layers) {
    List<LayerFigures> figures = new ArrayList<>();
    figures.add(layer(LayerFigures.TOTAL, layers));
    for (int i = 0; i < layers; i++) {
      figures.add(layer("encoder.layer." + i / 8 + ".part" + i % 8, 1 + 0.01 * i));
    }
    Settings settings = new Settings("deflated", 1, 1, 2, "rademacher", "tapped", "", "a sample");
    Figures all =
        new Figures(
            64,
            64,
            10,
            1000L * layers,
            2,
            settings,
            new CoreFigures(0.7, 0.3, 0.5, 1.2),
            Map.of(),
            figures);
    return new RunSnapshot("sample", 1, 10, 12, 1.5, 2.5, 3, 1, false, all);
  }

  private static LayerFigures layer(String name, double trace) {
    Map<Estimate, TraceFigure> traces = new EnumMap<>(Estimate.class);
    for (Estimate estimate : Estimate.values()) {
      Uncertain value = Uncertain.of(trace, 0.05 * trace).withLogHalfWidth(0.1);
      Optional<Uncertain> variation = Optional.of(Uncertain.of(0.9, 0.1));
      traces.put(estimate, new TraceFigure(value, variation, OptionalDouble.of(0.3)));
    }
    return new LayerFigures(
        name,
        1000,
        990,
        0,
        traces,
        Map.of(Bound.LOWER, Uncertain.of(0.4, 0.04), Bound.UPPER, Uncertain.of(1.5, 0.1)),
        Optional.of(diagonal()),
        Optional.of(Uncertain.of(8, 1)),
        Optional.of(Uncertain.of(trace / 4, trace / 40)),
        Optional.of(Uncertain.of(trace * trace / 8)));
  }

  private static DiagonalFigure diagonal() {
    Map<String, Double> density = new LinkedHashMap<>();
    for (int decade = -20; decade <= DECADES - 20; decade++) {
      density.put(Integer.toString(decade), 1.0 / DECADES);
    }
    return new DiagonalFigure(
        Map.of(0.01, 0.0, 0.1, 1e-8, 0.5, 1e-5, 0.9, 1e-3, 0.99, 1e-2),
        density,
        Map.of("1e-05", 0.5, "relative", 0.4),
        Map.of("1e-05", 0.01, "relative", 0.02));
  }
}
