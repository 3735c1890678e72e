package io.fisherwatch.web;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;

/** Answers, with the headers that all of them carry. */
final class Responses {

  private static final ObjectMapper MAPPER = new ObjectMapper();

  private Responses() {}

  static void json(HttpExchange exchange, JsonNode json) throws IOException {
    send(exchange, 200, "application/json", text(json).getBytes(StandardCharsets.UTF_8));
  }

  static String text(JsonNode json) {
    try {
      return MAPPER.writeValueAsString(json);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a tree of our own cannot be written", e);
    }
  }

  static void text(HttpExchange exchange, int status, String text) throws IOException {
    send(
        exchange,
        status,
        "text/plain; charset=utf-8",
        (text + "\n").getBytes(StandardCharsets.UTF_8));
  }

  /** A problem after RFC 9457. */
  static void problem(HttpExchange exchange, int status, String title, String detail)
      throws IOException {
    ObjectNode problem = MAPPER.createObjectNode();
    problem.put("type", "about:blank");
    problem.put("title", title);
    problem.put("status", status);
    problem.put("detail", detail);
    send(
        exchange,
        status,
        "application/problem+json",
        text(problem).getBytes(StandardCharsets.UTF_8));
  }

  static void notFound(HttpExchange exchange) throws IOException {
    problem(exchange, 404, "Not Found", exchange.getRequestURI().getPath() + " is not served");
  }

  static void send(HttpExchange exchange, int status, String type, byte[] body) throws IOException {
    exchange.getResponseHeaders().set("Content-Type", type);
    boolean head = exchange.getRequestMethod().equals("HEAD");
    exchange.sendResponseHeaders(status, head || body.length == 0 ? -1 : body.length);
    if (!head) {
      try (OutputStream out = exchange.getResponseBody()) {
        out.write(body);
      }
    }
  }

  /** Keeps browsers from running or embedding what is not ours. */
  static void secure(HttpExchange exchange) {
    exchange
        .getResponseHeaders()
        .set(
            "Content-Security-Policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src"
                + " 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    exchange.getResponseHeaders().set("X-Content-Type-Options", "nosniff");
    exchange.getResponseHeaders().set("Referrer-Policy", "no-referrer");
    exchange.getResponseHeaders().set("Cache-Control", "no-cache");
  }
}
