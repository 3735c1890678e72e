package io.fisherwatch.event;

import static io.fisherwatch.event.JsonFields.undecodable;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** The JSON bodies of the events, both ways. */
final class EventBodies {

  private EventBodies() {}

  static CheckpointEvent checkpoint(JsonFields body, Origin origin) throws RejectedEventException {
    List<LayerRule> layers = new ArrayList<>();
    long cost = 0; // to be known before any pattern is compiled
    for (JsonFields rule : body.optionalObjects("layers", LayerRule.MOST)) {
      cost += PatternCost.of(rule.string("match"));
      if (cost > PatternCost.MOST) {
        throw undecodable(CheckpointEvent.TOO_LARGE, null);
      }
      layers.add(rule.as(r -> new LayerRule(r.string("name"), r.string("match"))));
    }
    Optional<JsonFields> weights = body.optionalObject("weights");
    Optional<JsonFields> logits = body.optionalObject("logits");
    Optional<JsonFields> likelihood = body.optionalObject("likelihood");
    FileReference graph = file(body.object("graph"));
    Optional<FileReference> weightsFile =
        weights.isPresent() ? Optional.of(file(weights.get())) : Optional.empty();
    LogitsSelector selector = logits.isPresent() ? logits(logits.get()) : LogitsSelector.FIRST;
    LikelihoodSpec spec =
        likelihood.isPresent() ? likelihood(likelihood.get()) : LikelihoodSpec.CATEGORICAL;
    return body.as(
        b ->
            new CheckpointEvent(
                b.string("run"),
                b.longInteger("step"),
                graph,
                weightsFile,
                b.strings("inputs"),
                selector,
                spec,
                layers,
                origin));
  }

  static RunEndedEvent runEnded(JsonFields body, Origin origin) throws RejectedEventException {
    String status = body.string("status");
    if (!status.equals("completed") && !status.equals("failed")) {
      throw undecodable(
          "status is " + Checks.shown(status) + ", which should be completed or failed", null);
    }
    return body.as(
        b ->
            new RunEndedEvent(
                b.string("run"), b.longInteger("step"), status.equals("completed"), origin));
  }

  static FileReference file(JsonFields file) throws RejectedEventException {
    return file.as(
        f ->
            new FileReference(
                f.string("uri"),
                f.optionalString("sha256").map(digest -> digest.toLowerCase(Locale.ROOT))));
  }

  private static LogitsSelector logits(JsonFields logits) throws RejectedEventException {
    return logits.as(
        l -> {
          Optional<String> key = l.optionalString("key");
          Optional<Integer> index = l.optionalInteger("index");
          if (key.isPresent() && index.isPresent()) {
            throw new IllegalArgumentException("either index or key, not both");
          }
          return new LogitsSelector(index.orElse(0), key);
        });
  }

  private static LikelihoodSpec likelihood(JsonFields likelihood) throws RejectedEventException {
    return likelihood.as(
        l ->
            new LikelihoodSpec(
                l.string("kind"), l.optionalNumber("sigma"), l.optionalString("mask")));
  }

  static byte[] json(CheckpointEvent event) {
    ObjectNode body = body(event);
    body.set("graph", json(event.graph()));
    event.weights().ifPresent(weights -> body.set("weights", json(weights)));
    event.inputs().forEach(body.putArray("inputs")::add);
    ObjectNode logits = body.putObject("logits");
    event
        .logits()
        .key()
        .ifPresentOrElse(
            key -> logits.put("key", key), () -> logits.put("index", event.logits().index()));
    ObjectNode likelihood = body.putObject("likelihood").put("kind", event.likelihood().kind());
    event.likelihood().sigma().ifPresent(sigma -> likelihood.put("sigma", sigma));
    event.likelihood().mask().ifPresent(mask -> likelihood.put("mask", mask));
    if (!event.layers().isEmpty()) {
      var layers = body.putArray("layers");
      event
          .layers()
          .forEach(rule -> layers.addObject().put("name", rule.name()).put("match", rule.match()));
    }
    return bytes(body);
  }

  static byte[] json(RunEndedEvent event) {
    return bytes(body(event).put("status", event.completed() ? "completed" : "failed"));
  }

  static ObjectNode json(FileReference file) {
    ObjectNode json = JsonNodeFactory.instance.objectNode().put("uri", file.uri());
    file.sha256().ifPresent(digest -> json.put("sha256", digest));
    return json;
  }

  static byte[] bytes(ObjectNode json) {
    try {
      return JsonFields.MAPPER.writeValueAsBytes(json);
    } catch (IOException e) {
      throw new UncheckedIOException("writing to memory", e);
    }
  }

  private static ObjectNode body(TrainingEvent event) {
    return JsonNodeFactory.instance.objectNode().put("run", event.run()).put("step", event.step());
  }
}
