package io.fisherwatch.web;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fisherwatch.snapshot.Estimate;
import io.fisherwatch.snapshot.HistoryPoint;
import io.fisherwatch.snapshot.LayerFigures;
import io.fisherwatch.snapshot.TraceFigure;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A run's history as JSON: whole, or thinned and narrowed to what a page draws. */
final class HistoryJson {

  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

  /** A line of a few pixels' height shows no more. */
  private static final MathContext FIVE_DIGITS = new MathContext(5);

  private HistoryJson() {}

  /**
   * Traces and gaps over steps, oldest first; with the density of the diagonal, which is kept for
   * the whole model.
   *
   * @param layers the layers to tell of; all if empty
   */
  static ObjectNode of(String run, List<HistoryPoint> history, Collection<String> layers) {
    ObjectNode json = JSON.objectNode();
    json.put("run", run);
    ArrayNode points = json.putArray("points");
    for (HistoryPoint point : history) {
      ObjectNode entry = points.addObject();
      entry.put("attempt", point.attempt());
      entry.put("step", point.step());
      entry.put("batchStep", point.batchStep());
      entry.put("time", point.timeSeconds());
      ArrayNode figures = entry.putArray("layers");
      for (LayerFigures layer : point.layers()) {
        if (layers.isEmpty() || layers.contains(layer.layer())) {
          figures.add(FiguresJson.evolution(layer));
        }
      }
    }
    return json;
  }

  /**
   * The trace of F alone, of every layer, as one column each; of the latest attempt. A gap is
   * {@code null}.
   */
  static ObjectNode traces(String run, List<HistoryPoint> history) {
    ObjectNode json = JSON.objectNode();
    json.put("run", run);
    ArrayNode steps = json.putArray("steps");
    Set<String> names = new LinkedHashSet<>();
    for (HistoryPoint point : history) {
      steps.add(point.batchStep());
      point.layers().forEach(layer -> names.add(layer.layer()));
    }
    ObjectNode columns = json.putObject("layers");
    Map<String, ArrayNode> byName = new HashMap<>();
    names.forEach(name -> byName.put(name, columns.putArray(name)));
    int row = 0;
    for (HistoryPoint point : history) {
      row++;
      for (LayerFigures layer : point.layers()) {
        ArrayNode column = byName.get(layer.layer());
        if (column != null) {
          add(column, layer.traces().get(Estimate.FISHER));
        }
      }
      for (ArrayNode column : byName.values()) {
        if (column.size() < row) {
          column.addNull();
        }
      }
    }
    return json;
  }

  private static void add(ArrayNode column, @Nullable TraceFigure figure) {
    if (figure == null || !Double.isFinite(figure.trace().value())) {
      column.addNull();
    } else {
      column.add(BigDecimal.valueOf(figure.trace().value()).round(FIVE_DIGITS));
    }
  }

  /** At most so many points, evenly taken; the first and the latest are among them. */
  static List<HistoryPoint> thinned(List<HistoryPoint> history, int most) {
    if (history.size() <= most) {
      return history;
    }
    List<HistoryPoint> kept = new ArrayList<>();
    for (int i = 0; i < most; i++) {
      kept.add(history.get((int) ((long) i * (history.size() - 1) / (most - 1))));
    }
    return kept;
  }

  /** The points of the attempt that the latest belongs to. */
  static List<HistoryPoint> latestAttempt(List<HistoryPoint> history) {
    if (history.isEmpty()) {
      return history;
    }
    int attempt = history.get(history.size() - 1).attempt();
    return history.stream().filter(point -> point.attempt() == attempt).toList();
  }
}
