package io.fisherwatch.cli;

import java.util.List;
import java.util.Locale;
import java.util.Map;

/** A plot of errors over backward passes, both logarithmic, as SVG for light and dark pages. */
final class StudyPlot {

  private static final int WIDTH = 720;
  private static final int HEIGHT = 400;
  private static final int LEFT = 70;
  private static final int RIGHT = 240;
  private static final int TOP = 40;
  private static final int BOTTOM = 50;
  private static final List<String> COLOURS =
      List.of(
          "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8a8a8a");

  private StudyPlot() {}

  /**
   * Draws it.
   *
   * @param lines by name, points of passes and error; an error of 0 is left out
   */
  static String of(String title, Map<String, Map<Integer, Double>> lines) {
    double least = 1;
    double most = 1e-9;
    int passes = 1;
    for (Map<Integer, Double> line : lines.values()) {
      for (Map.Entry<Integer, Double> point : line.entrySet()) {
        passes = Math.max(passes, point.getKey());
        if (point.getValue() > 0) {
          least = Math.min(least, point.getValue());
          most = Math.max(most, point.getValue());
        }
      }
    }
    int low = (int) Math.floor(Math.log10(least));
    int high = Math.max(low + 1, (int) Math.ceil(Math.log10(most)));
    StringBuilder svg = new StringBuilder();
    line(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\""
            + " font-size=\"13\" role=\"img\" aria-label=\"%s\">",
        WIDTH,
        HEIGHT,
        title);
    line(svg, "<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>", WIDTH, HEIGHT);
    line(
        svg,
        "<text x=\"%d\" y=\"22\" font-weight=\"bold\">%s: relative error of tr F</text>",
        LEFT,
        title);
    for (int exponent = low; exponent <= high; exponent++) {
      double y = y(Math.pow(10, exponent), low, high);
      line(
          svg,
          "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#dddddd\"/>",
          LEFT,
          WIDTH - RIGHT,
          y,
          y);
      line(
          svg,
          "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">1e%d</text>",
          LEFT - 8,
          y + 4,
          exponent);
    }
    for (int pass = 1; pass <= passes; pass *= 2) {
      line(
          svg,
          "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%d</text>",
          x(pass, passes),
          HEIGHT - BOTTOM + 20,
          pass);
    }
    line(
        svg,
        "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">backward passes over the batch, for F</text>",
        (LEFT + WIDTH - RIGHT) / 2,
        HEIGHT - 10);
    int number = 0;
    for (Map.Entry<String, Map<Integer, Double>> entry : lines.entrySet()) {
      draw(svg, entry.getKey(), entry.getValue(), number++, passes, low, high);
    }
    svg.append("</svg>\n");
    return svg.toString();
  }

  private static void draw(
      StringBuilder svg,
      String name,
      Map<Integer, Double> points,
      int number,
      int passes,
      int low,
      int high) {
    String colour = COLOURS.get(number % COLOURS.size());
    StringBuilder path = new StringBuilder();
    points.forEach(
        (pass, error) -> {
          if (error > 0) {
            String at =
                String.format(Locale.ROOT, "%.1f,%.1f", x(pass, passes), y(error, low, high));
            path.append(path.isEmpty() ? "" : " ").append(at);
            String[] xy = at.split(",", -1);
            line(svg, "<circle cx=\"%s\" cy=\"%s\" r=\"3.5\" fill=\"%s\"/>", xy[0], xy[1], colour);
          }
        });
    line(
        svg,
        "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/>",
        path,
        colour);
    int y = TOP + 20 + 22 * number;
    line(svg, "<text x=\"%d\" y=\"%d\" fill=\"%s\">%s</text>", WIDTH - RIGHT + 14, y, colour, name);
  }

  private static double x(int pass, int passes) {
    double share = Math.log(pass) / Math.log(Math.max(2, passes));
    return LEFT + 15 + share * (WIDTH - RIGHT - LEFT - 30);
  }

  private static double y(double error, int low, int high) {
    double share = (high - Math.log10(error)) / (high - low);
    return TOP + share * (HEIGHT - TOP - BOTTOM);
  }

  private static void line(StringBuilder svg, String format, Object... values) {
    svg.append(String.format(Locale.ROOT, format, values)).append('\n');
  }
}
