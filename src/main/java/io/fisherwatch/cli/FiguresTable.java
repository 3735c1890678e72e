package io.fisherwatch.cli;

import io.fisherwatch.snapshot.Bound;
import io.fisherwatch.snapshot.Estimate;
import io.fisherwatch.snapshot.Figures;
import io.fisherwatch.snapshot.LayerFigures;
import io.fisherwatch.snapshot.TraceFigure;
import io.fisherwatch.snapshot.Uncertain;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;

/** Figures for people: a line for each layer. */
final class FiguresTable {

  private static final String ROW = "%-32s %12s %24s %24s %24s %12s %12s%n";

  private FiguresTable() {}

  static String of(Figures figures) {
    StringBuilder table = new StringBuilder();
    table.append(
        String.format(
            Locale.ROOT,
            "%d examples, %d classes, %d parameters; %s, rank %d, %d probes, micro-batch %d, %s path%n%n",
            figures.examples(),
            figures.classes(),
            figures.parameters(),
            figures.settings().estimator(),
            figures.settings().rank(),
            figures.settings().probes(),
            figures.settings().microBatch(),
            figures.settings().path()));
    table.append(
        String.format(
            ROW, "layer", "parameters", "tr lower", "tr F", "tr upper", "gap below", "gap above"));
    for (LayerFigures layer : figures.layers()) {
      table.append(
          String.format(
              Locale.ROOT,
              ROW,
              layer.layer(),
              layer.parameters(),
              trace(layer, Estimate.LOWER),
              trace(layer, Estimate.FISHER),
              trace(layer, Estimate.UPPER),
              value(Optional.ofNullable(layer.gaps().get(Bound.LOWER))),
              value(Optional.ofNullable(layer.gaps().get(Bound.UPPER)))));
    }
    return table.toString();
  }

  private static String trace(LayerFigures layer, Estimate estimate) {
    TraceFigure figure = layer.traces().get(estimate);
    if (figure == null) {
      return "–";
    }
    OptionalDouble error = figure.trace().standardError();
    String value = value(Optional.of(figure.trace()));
    return error.isPresent()
        ? value + String.format(Locale.ROOT, " ± %.2g", error.getAsDouble())
        : value;
  }

  private static String value(Optional<Uncertain> figure) {
    return figure.map(f -> String.format(Locale.ROOT, "%.5g", f.value())).orElse("–");
  }
}
