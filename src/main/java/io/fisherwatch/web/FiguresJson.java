package io.fisherwatch.web;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fisherwatch.snapshot.Bound;
import io.fisherwatch.snapshot.DiagonalFigure;
import io.fisherwatch.snapshot.Estimate;
import io.fisherwatch.snapshot.Figures;
import io.fisherwatch.snapshot.Interval;
import io.fisherwatch.snapshot.LayerFigures;
import io.fisherwatch.snapshot.RunSnapshot;
import io.fisherwatch.snapshot.TraceFigure;
import io.fisherwatch.snapshot.Uncertain;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Figures as JSON, the same for the API and for the command line. What is undefined is {@code
 * null}, never 0 and never NaN.
 */
public final class FiguresJson {

  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

  private FiguresJson() {}

  /** All figures of an estimate. */
  public static ObjectNode of(Figures figures) {
    return of(figures, figures.layers());
  }

  private static ObjectNode of(Figures figures, List<LayerFigures> layers) {
    ObjectNode json = JSON.objectNode();
    json.put("version", 1);
    json.put("examples", figures.examples());
    json.put("positions", figures.positions());
    json.put("classes", figures.classes());
    json.put("parameters", figures.parameters());
    json.put("probes", figures.settings().probes());
    json.put("microBatch", figures.settings().microBatch());
    json.put("rank", figures.settings().rank());
    json.put("estimator", figures.settings().estimator());
    json.put("distribution", figures.settings().distribution());
    json.put("path", figures.settings().path());
    if (!figures.settings().pathReason().isEmpty()) {
      json.put("pathReason", figures.settings().pathReason());
    }
    json.put("reason", figures.settings().reason());
    ObjectNode core = json.putObject("core");
    number(core, "trace", figures.core().trace());
    number(core, "topEigenvalue", figures.core().topEigenvalue());
    number(core, "maxProbability", figures.core().maxProbability());
    number(core, "entropy", figures.core().entropy());
    ObjectNode aliases = json.putObject("aliases");
    figures.aliases().forEach(aliases::put);
    json.set("layers", layers(layers));
    return json;
  }

  /** A run as it stands. */
  public static ObjectNode of(RunSnapshot snapshot) {
    return of(snapshot, snapshot.figures().layers());
  }

  private static ObjectNode of(RunSnapshot snapshot, List<LayerFigures> layers) {
    ObjectNode json = JSON.objectNode();
    json.put("run", snapshot.run());
    json.put("attempt", snapshot.attempt());
    json.put("step", snapshot.step());
    json.put("batchStep", snapshot.batchStep());
    json.putNull("durableStep");
    number(json, "checkpointTime", snapshot.checkpointTimeSeconds());
    number(json, "estimateTime", snapshot.estimateTimeSeconds());
    number(json, "effectiveBatches", snapshot.effectiveBatches());
    number(json, "lagSteps", snapshot.lagSteps());
    json.put("ended", snapshot.ended());
    json.setAll(of(snapshot.figures(), layers));
    return json;
  }

  /** A run as it stands, with the layers left out: the whole model's figures only. */
  static ObjectNode summary(RunSnapshot snapshot) {
    return of(snapshot, List.of(snapshot.figures().total()));
  }

  /** What a history tells of a layer. */
  static ObjectNode evolution(LayerFigures layer) {
    ObjectNode json = JSON.objectNode();
    json.put("layer", layer.layer());
    json.set("trace", traces(layer));
    json.set("gap", gaps(layer));
    layer.diagonal().ifPresent(figure -> numbers(json.putObject("density"), figure.density()));
    return json;
  }

  private static ArrayNode layers(List<LayerFigures> layers) {
    ArrayNode array = JSON.arrayNode();
    for (LayerFigures layer : layers) {
      ObjectNode json = array.addObject();
      json.put("layer", layer.layer());
      json.put("parameters", layer.parameters());
      json.put("covered", layer.covered());
      json.put("nonFinite", layer.nonFinite());
      json.set("trace", traces(layer));
      json.set("gap", gaps(layer));
      if (layer.diagonal().isPresent()) {
        json.set("diagonal", diagonal(layer.diagonal().get()));
      } else {
        json.putNull("diagonal");
      }
      uncertain(json, "effectiveRank", layer.effectiveRank());
      uncertain(json, "topEigenvalue", layer.topEigenvalue());
      uncertain(json, "traceOfSquare", layer.traceOfSquare());
    }
    return array;
  }

  private static ObjectNode traces(LayerFigures layer) {
    ObjectNode json = JSON.objectNode();
    for (Estimate estimate : Estimate.values()) {
      TraceFigure figure = layer.traces().get(estimate);
      if (figure == null) {
        json.putNull(estimate.label());
      } else {
        uncertain(json, estimate.label(), Optional.of(figure.trace()));
        ObjectNode trace = (ObjectNode) json.get(estimate.label());
        number(trace, "probeCv", figure.probeCv().map(Uncertain::value).orElse(Double.NaN));
        number(
            trace,
            "probeCvStandardError",
            figure.probeCv().map(cv -> cv.standardError().orElse(Double.NaN)).orElse(Double.NaN));
        number(trace, "probeShare", figure.probeShare().orElse(Double.NaN));
      }
    }
    return json;
  }

  private static ObjectNode gaps(LayerFigures layer) {
    ObjectNode json = JSON.objectNode();
    for (Bound bound : Bound.values()) {
      uncertain(json, bound.label(), Optional.ofNullable(layer.gaps().get(bound)));
    }
    return json;
  }

  private static ObjectNode diagonal(DiagonalFigure figure) {
    ObjectNode json = JSON.objectNode();
    numbers(json.putObject("smallShare"), figure.smallShare());
    numbers(json.putObject("undeterminedShare"), figure.undeterminedShare());
    numbers(json.putObject("quantiles"), figure.quantiles());
    numbers(json.putObject("density"), figure.density());
    return json;
  }

  private static void numbers(ObjectNode json, Map<?, Double> values) {
    values.forEach((key, value) -> number(json, key.toString(), value));
  }

  private static void uncertain(ObjectNode json, String name, Optional<Uncertain> figure) {
    if (figure.isEmpty() || !Double.isFinite(figure.get().value())) {
      json.putNull(name);
      return;
    }
    ObjectNode entry = json.putObject(name);
    entry.put("value", figure.get().value());
    number(entry, "standardError", figure.get().standardError().orElse(Double.NaN));
    if (figure.get().interval().isPresent()) {
      Interval interval = figure.get().interval().get();
      entry.putArray("interval").add(interval.low()).add(interval.high());
    } else {
      entry.putNull("interval");
    }
  }

  private static void number(ObjectNode json, String name, double value) {
    if (Double.isFinite(value)) {
      json.put(name, value);
    } else {
      json.putNull(name);
    }
  }
}
