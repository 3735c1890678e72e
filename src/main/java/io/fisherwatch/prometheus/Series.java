package io.fisherwatch.prometheus;

import io.fisherwatch.prometheus.MetricNames.Family;
import io.fisherwatch.snapshot.Uncertain;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The series of one scrape, gathered as text by family, up to a limit. What is undefined has no
 * series.
 */
final class Series {

  private final Map<Family, StringBuilder> families = new LinkedHashMap<>();
  private final int limit;
  private int count;
  private long dropped;

  Series(int limit) {
    this.limit = limit;
  }

  /**
   * Adds a series, unless its value is undefined.
   *
   * @param labels as {@link #label} writes them, with commas between
   */
  void add(Family family, double value, String labels) {
    if (Double.isNaN(value)) {
      return;
    }
    if (count >= limit) {
      dropped++;
      return;
    }
    StringBuilder lines = families.computeIfAbsent(family, any -> new StringBuilder());
    lines.append(family.name()).append('{').append(labels).append("} ");
    if (Double.isInfinite(value)) {
      lines.append(value > 0 ? "+Inf\n" : "-Inf\n");
    } else {
      lines.append(value).append('\n');
    }
    count++;
  }

  /** Adds a figure and its error. */
  void add(Family value, Family error, Optional<Uncertain> figure, String labels) {
    if (figure.isPresent()) {
      add(value, figure.get().value(), labels);
      add(error, figure.get().standardError().orElse(Double.NaN), labels);
    }
  }

  /** A label as both formats write it. */
  static String label(String name, String value) {
    String escaped = value;
    if (value.indexOf('\\') >= 0 || value.indexOf('"') >= 0 || value.indexOf('\n') >= 0) {
      escaped = value.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n");
    }
    return name + "=\"" + escaped + '"';
  }

  /** How many were left out. */
  long dropped() {
    return dropped;
  }

  /**
   * Writes them, family by family.
   *
   * @param openMetrics as OpenMetrics, which calls a counter by its name without {@code _total}
   */
  void write(OutputStream out, boolean openMetrics) throws IOException {
    for (Map.Entry<Family, StringBuilder> entry : families.entrySet()) {
      Family family = entry.getKey();
      String name = openMetrics ? family.base() : family.name();
      String help = "# HELP " + name + ' ' + family.help() + '\n';
      String type = "# TYPE " + name + (family.isCounter() ? " counter\n" : " gauge\n");
      out.write((openMetrics ? type + help : help + type).getBytes(StandardCharsets.UTF_8));
      out.write(entry.getValue().toString().getBytes(StandardCharsets.UTF_8));
    }
  }
}
