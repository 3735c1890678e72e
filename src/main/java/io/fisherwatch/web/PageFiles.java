package io.fisherwatch.web;

import com.sun.net.httpserver.HttpExchange;
import java.io.IOException;
import java.io.InputStream;
import java.util.Map;
import java.util.Set;

/** What the live page is made of, out of the jar. Nothing else of the jar is served. */
final class PageFiles {

  static final Set<String> NAMES =
      Set.of(
          "index.html",
          "style.css",
          "icon.svg",
          "uplot.js",
          "uplot.css",
          "agent.js",
          "agents.js",
          "api.js",
          "app.js",
          "chart.js",
          "density.js",
          "dom.js",
          "evolution.js",
          "format.js",
          "heatmap.js",
          "layers.js",
          "layertime.js",
          "runs.js",
          "store.js",
          "stream.js",
          "theme.js",
          "trust.js");

  private static final Map<String, String> TYPES =
      Map.of(
          "html", "text/html; charset=utf-8",
          "css", "text/css; charset=utf-8",
          "js", "text/javascript; charset=utf-8",
          "svg", "image/svg+xml");

  private PageFiles() {}

  /** Sends a file; answers 404 for a name that is not of the page. */
  static void send(HttpExchange exchange, String name) throws IOException {
    if (!NAMES.contains(name)) {
      Responses.notFound(exchange);
      return;
    }
    try (InputStream in = PageFiles.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new IllegalStateException(name + " is missing from the jar");
      }
      String type = TYPES.getOrDefault(name.substring(name.lastIndexOf('.') + 1), "text/plain");
      Responses.send(exchange, 200, type, in.readAllBytes());
    }
  }
}
