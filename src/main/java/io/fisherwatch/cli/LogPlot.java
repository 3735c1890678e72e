package io.fisherwatch.cli;

import java.util.List;
import java.util.Locale;
import java.util.Map;

/** A plot with two logarithmic axes, as SVG for light and dark pages. */
final class LogPlot {

  private static final int WIDTH = 720;
  private static final int HEIGHT = 400;
  private static final int LEFT = 70;
  private static final int RIGHT = 240;
  private static final int TOP = 40;
  private static final int BOTTOM = 50;
  private static final List<String> COLOURS =
      List.of(
          "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8a8a8a");

  private final String abscissa;
  private final int base;
  private final double first;
  private double last;
  private double least = Double.POSITIVE_INFINITY;
  private double most;
  private final StringBuilder svg = new StringBuilder();

  /**
   * A plot without lines yet.
   *
   * @param abscissa what stands below
   * @param base of the marks below
   * @param first the least x
   */
  private LogPlot(String abscissa, int base, double first) {
    this.abscissa = abscissa;
    this.base = base;
    this.first = first;
    this.last = 2 * first;
  }

  /**
   * Draws errors over backward passes.
   *
   * @param lines by name, points of passes and error; an error of 0 is left out
   */
  static String ofErrors(String title, Map<String, Map<Integer, Double>> lines) {
    return new LogPlot("backward passes over the batch, for F", 2, 1)
        .draw(title, title + ": relative error of tr F", lines);
  }

  /**
   * Draws growth over a size.
   *
   * @param lines by name, points of size and what grows with it; 0 is left out
   */
  static String ofGrowth(
      String title, String abscissa, Map<String, ? extends Map<Double, Double>> lines) {
    double first =
        lines.values().stream()
            .flatMap(line -> line.keySet().stream())
            .mapToDouble(Double::doubleValue)
            .min()
            .orElse(1);
    return new LogPlot(abscissa, 10, first).draw(title, title, lines);
  }

  private <N extends Number> String draw(
      String title, String heading, Map<String, ? extends Map<N, Double>> lines) {
    for (Map<N, Double> line : lines.values()) {
      line.forEach(
          (x, y) -> {
            last = Math.max(last, x.doubleValue());
            if (y > 0) {
              least = Math.min(least, y);
              most = Math.max(most, y);
            }
          });
    }
    int low = (int) Math.floor(Math.log10(least));
    int high = Math.max(low + 1, (int) Math.ceil(Math.log10(most)));
    frame(title, heading, low, high);
    int number = 0;
    for (Map.Entry<String, ? extends Map<N, Double>> entry : lines.entrySet()) {
      line(entry.getKey(), entry.getValue(), number++, low, high);
    }
    return svg.append("</svg>\n").toString();
  }

  private void frame(String title, String heading, int low, int high) {
    add(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\""
            + " font-size=\"13\" role=\"img\" aria-label=\"%s\">",
        WIDTH, HEIGHT, title);
    add("<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>", WIDTH, HEIGHT);
    add("<text x=\"%d\" y=\"22\" font-weight=\"bold\">%s</text>", LEFT, heading);
    for (int exponent = low; exponent <= high; exponent++) {
      double y = y(Math.pow(10, exponent), low, high);
      add(
          "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#dddddd\"/>",
          LEFT, WIDTH - RIGHT, y, y);
      add("<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">1e%d</text>", LEFT - 8, y + 4, exponent);
    }
    int power = (int) Math.ceil(Math.log(first) / Math.log(base) - 1e-9);
    for (double mark = Math.pow(base, power); mark <= last; mark *= base, power++) {
      String label = base == 10 && power > 3 ? "1e" + power : Long.toString((long) mark);
      add(
          "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>",
          x(mark), HEIGHT - BOTTOM + 20, label);
    }
    add(
        "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>",
        (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, abscissa);
  }

  private <N extends Number> void line(
      String name, Map<N, Double> points, int number, int low, int high) {
    String colour = COLOURS.get(number % COLOURS.size());
    StringBuilder path = new StringBuilder();
    points.forEach(
        (x, y) -> {
          if (y > 0) {
            String at =
                String.format(Locale.ROOT, "%.1f,%.1f", x(x.doubleValue()), y(y, low, high));
            path.append(path.isEmpty() ? "" : " ").append(at);
            String[] xy = at.split(",", -1);
            add("<circle cx=\"%s\" cy=\"%s\" r=\"3.5\" fill=\"%s\"/>", xy[0], xy[1], colour);
          }
        });
    add("<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/>", path, colour);
    int y = TOP + 20 + 22 * number;
    add("<text x=\"%d\" y=\"%d\" fill=\"%s\">%s</text>", WIDTH - RIGHT + 14, y, colour, name);
  }

  private double x(double value) {
    double share = Math.log(value / first) / Math.log(last / first);
    return LEFT + 15 + share * (WIDTH - RIGHT - LEFT - 30);
  }

  private static double y(double value, int low, int high) {
    double share = (high - Math.log10(value)) / (high - low);
    return TOP + share * (HEIGHT - TOP - BOTTOM);
  }

  private void add(String format, Object... values) {
    svg.append(String.format(Locale.ROOT, format, values)).append('\n');
  }
}
