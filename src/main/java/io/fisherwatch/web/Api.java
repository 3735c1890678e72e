package io.fisherwatch.web;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import io.fisherwatch.snapshot.AgentActivity;
import io.fisherwatch.snapshot.DiagonalSource;
import io.fisherwatch.snapshot.HistoryPoint;
import io.fisherwatch.snapshot.PartitionSource;
import io.fisherwatch.snapshot.RunSnapshot;
import io.fisherwatch.snapshot.SnapshotBoard;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** What stands under {@code /api/}: runs, their histories and diagonals, the agent, the stream. */
final class Api {

  private static final String RUNS = "/api/runs/";

  private final SnapshotBoard board;
  private final DiagonalSource diagonals;
  private final Readiness readiness;
  private final Supplier<AgentActivity> activity;
  private final Streams streams;
  private final @Nullable PartitionSource partitions;

  /**
   * @param partitions null where there are none
   */
  Api(
      SnapshotBoard board,
      DiagonalSource diagonals,
      Readiness readiness,
      Supplier<AgentActivity> activity,
      Streams streams,
      @Nullable PartitionSource partitions) {
    this.board = board;
    this.diagonals = diagonals;
    this.readiness = readiness;
    this.activity = activity;
    this.streams = streams;
    this.partitions = partitions;
  }

  void handle(HttpExchange exchange, String path) throws IOException {
    Query query = Query.of(exchange.getRequestURI());
    switch (path) {
      case "/api/runs" -> runs(exchange);
      case "/api/agent" -> agent(exchange);
      case "/api/partitions" -> partitions(exchange);
      case "/api/stream" -> streams.serve(exchange, query.first("run"));
      default -> {
        if (path.startsWith(RUNS)) {
          run(exchange, path.substring(RUNS.length()), query);
        } else {
          Responses.notFound(exchange);
        }
      }
    }
  }

  private void runs(HttpExchange exchange) throws IOException {
    ArrayNode runs = JsonNodeFactory.instance.arrayNode();
    board.runs().values().forEach(run -> runs.add(FiguresJson.of(run)));
    Responses.json(exchange, runs);
  }

  private void agent(HttpExchange exchange) throws IOException {
    AgentActivity done = activity.get();
    Optional<String> reason = readiness.notReadyReason();
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("ready", reason.isEmpty());
    json.put("reason", reason.orElse(null));
    json.put("lag", done.lag());
    if (done.meanHandleSeconds().isPresent()) {
      json.put("meanHandleSeconds", done.meanHandleSeconds().getAsDouble());
    } else {
      json.putNull("meanHandleSeconds");
    }
    ObjectNode events = json.putObject("events");
    done.events()
        .forEach(
            (type, outcomes) -> {
              ObjectNode counts = events.putObject(type);
              outcomes.forEach(counts::put);
            });
    Responses.json(exchange, json);
  }

  private void partitions(HttpExchange exchange) throws IOException {
    if (partitions == null) {
      Responses.notFound(exchange);
      return;
    }
    PartitionSource.Answer answer = partitions.partitions();
    if (answer.owners().isEmpty()) {
      String why = answer.trouble().orElse("the broker has been asked and has not answered yet");
      Responses.problem(exchange, 503, "Service Unavailable", why);
      return;
    }
    Responses.json(exchange, PartitionsJson.of(answer.owners().get(), answer.trouble()));
  }

  private void run(HttpExchange exchange, String rest, Query query) throws IOException {
    int slash = rest.indexOf('/');
    String name = slash < 0 ? rest : rest.substring(0, slash);
    String what = slash < 0 ? "" : rest.substring(slash + 1);
    Optional<RunSnapshot> run = board.run(name);
    if (run.isEmpty()) {
      Responses.problem(exchange, 404, "Not Found", "no run '" + name + "' is known");
      return;
    }
    int points;
    try {
      points = query.atLeastTwo("points", Integer.MAX_VALUE);
    } catch (IllegalArgumentException e) {
      Responses.problem(exchange, 400, "Bad Request", String.valueOf(e.getMessage()));
      return;
    }
    switch (what) {
      case "" -> {
        ObjectNode json = FiguresJson.of(run.get());
        board.durableStep(name).ifPresent(step -> json.put("durableStep", step));
        Responses.json(exchange, json);
      }
      case "history" -> {
        List<HistoryPoint> history = HistoryJson.thinned(board.history(name), points);
        Responses.json(exchange, HistoryJson.of(name, history, query.all("layer")));
      }
      case "traces" -> {
        List<HistoryPoint> history = HistoryJson.latestAttempt(board.history(name));
        Responses.json(exchange, HistoryJson.traces(name, HistoryJson.thinned(history, points)));
      }
      case "diagonal.safetensors" -> diagonal(exchange, name);
      default -> Responses.notFound(exchange);
    }
  }

  private void diagonal(HttpExchange exchange, String run) throws IOException {
    LazyBody body = new LazyBody(exchange, "application/vnd.safetensors");
    if (!diagonals.writeTo(run, body)) {
      Responses.problem(exchange, 404, "Not Found", "run '" + run + "' keeps no diagonal");
      return;
    }
    body.close();
  }
}
