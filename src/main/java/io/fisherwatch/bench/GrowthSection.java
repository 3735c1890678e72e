package io.fisherwatch.bench;

import io.fisherwatch.monitor.FisherMonitor;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.snapshot.Figures;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** How time and memory grow, one quantity at a time. */
final class GrowthSection implements Section {

  /** A line through logarithms this steep is still called linear: its slope has an error. */
  private static final double LINEAR = 1.1;

  /** Memory below this is the JVM's ups and downs, and no part of a fit. */
  private static final double LEAST_BYTES = 5e7;

  /** Points of a fit: the largest ones, where what is constant has faded. */
  private static final int FITTED = 3;

  /** Makes a model of some size, and estimates. */
  @FunctionalInterface
  private interface Sized {
    Workloads.Workload of(int size) throws Exception;
  }

  /** One size: seconds of an estimate and bytes more than before. */
  private record Point(double size, double seconds, double bytes) {}

  @Override
  public String name() {
    return "growth";
  }

  @Override
  public void run(Bench.Site site, Report.Part part) throws Exception {
    Workloads all = site.workloads();
    Preset preset = site.preset();
    int[] widths = first(preset.pick(3, 5, 5), 70, 275, 965, 3125, 9960);
    List<Point> parameters = new ArrayList<>();
    for (int width : widths) {
      double size = 64.0 * width + (double) width * width + 10.0 * width + 2 * width + 10;
      parameters.add(point(site, size, all.perceptron(16, 64, width, width, 10)));
    }
    show(part, "parameters", parameters);
    show(
        part,
        "classes",
        points(
            site,
            c -> all.perceptron(16, 64, 40, c),
            first(preset.pick(4, 6, 6), 2, 10, 100, 1000, 10_000, 100_000)));
    show(
        part,
        "examples",
        points(
            site,
            n -> all.perceptron(n, 64, 40, 10),
            first(preset.pick(3, 5, 6), 8, 32, 128, 512, 2048, 8192)));
    show(
        part,
        "layers",
        points(
            site,
            layers -> all.perceptron(16, deep(layers)),
            first(preset.pick(3, 5, 5), 2, 8, 32, 128, 512)));
    show(part, "runs", runs(site, first(preset.pick(3, 4, 5), 1, 4, 16, 64, 256)));
  }

  private static int[] first(int count, int... sizes) {
    return Arrays.copyOf(sizes, Math.min(count, sizes.length));
  }

  private static int[] deep(int layers) {
    int[] widths = new int[layers + 1];
    Arrays.fill(widths, 32);
    widths[0] = 64;
    widths[layers] = 10;
    return widths;
  }

  private static List<Point> points(Bench.Site site, Sized sized, int... sizes) throws Exception {
    List<Point> points = new ArrayList<>();
    for (int size : sizes) {
      points.add(point(site, size, sized.of(size)));
    }
    return points;
  }

  private static Point point(Bench.Site site, double size, Workloads.Workload workload)
      throws Exception {
    site.say("growth, size " + Numbers.of(size));
    double before = settled();
    try (Model model = site.workloads().load(workload)) {
      Rounds timed =
          site.rounds()
              .add("estimate", () -> estimate(model, workload))
              .run(site.preset().pick(1, 3, 5));
      return new Point(size, timed.median("estimate"), peak() - before);
    }
  }

  private static void estimate(Model model, Workloads.Workload workload) throws Exception {
    Figures unused = Estimates.fixed(model, workload, Estimates.byDefault(true));
  }

  /** Runs that are watched at the same time: a batch for each of them. */
  private static List<Point> runs(Bench.Site site, int... counts) throws Exception {
    Workloads.Workload workload = site.workloads().perceptron(16, 64, 256, 256, 10);
    List<Point> points = new ArrayList<>();
    for (int count : counts) {
      site.say("growth, runs " + count);
      double before = settled();
      List<AutoCloseable> open = new ArrayList<>();
      List<FisherMonitor> monitors = new ArrayList<>();
      try {
        for (int i = 0; i < count; i++) {
          Model model = site.workloads().load(workload);
          open.add(model);
          FisherMonitor monitor = Estimates.monitor(model, Estimates.onePass(true));
          monitors.add(monitor);
          open.add(monitor);
        }
        long[] step = new long[1];
        Rounds timed =
            site.rounds()
                .add("round", () -> observe(monitors, workload, step[0]++))
                .run(site.preset().pick(1, 3, 5));
        points.add(new Point(count, timed.median("round"), peak() - before));
      } finally {
        for (int i = open.size() - 1; i >= 0; i--) {
          open.get(i).close();
        }
      }
    }
    return points;
  }

  private static void observe(List<FisherMonitor> monitors, Workloads.Workload workload, long step)
      throws Exception {
    for (FisherMonitor monitor : monitors) {
      monitor.observe(workload.batch(), step, step);
      Figures unused = monitor.figures();
    }
  }

  private static double settled() throws Exception {
    if (!ResidentMemory.isKnown()) {
      return Double.NaN;
    }
    System.gc();
    ResidentMemory.resetPeak();
    return ResidentMemory.now();
  }

  private static double peak() throws Exception {
    return ResidentMemory.isKnown() ? ResidentMemory.peak() : Double.NaN;
  }

  private static void show(Report.Part part, String what, List<Point> points) {
    Table table = new Table(what, "time of an estimate", "memory more than before");
    Map<Double, Double> seconds = new LinkedHashMap<>();
    Map<Double, Double> bytes = new LinkedHashMap<>();
    TreeMap<Double, Double> times = new TreeMap<>();
    TreeMap<Double, Double> megabytes = new TreeMap<>();
    for (Point point : points) {
      table.row(
          Numbers.of(point.size()),
          Numbers.seconds(point.seconds()),
          Numbers.megabytes(point.bytes()));
      seconds.put(point.size(), point.seconds());
      times.put(point.size(), point.seconds());
      if (point.bytes() > LEAST_BYTES) {
        bytes.put(point.size(), point.bytes());
      }
      if (point.bytes() > 0) {
        megabytes.put(point.size(), point.bytes() / 1e6);
      }
    }
    double slope = exponent(seconds);
    double memorySlope = exponent(bytes);
    part.add("### Over " + what);
    part.add(table);
    part.add(
        "Exponents through the %d largest: time %s, memory %s."
            .formatted(
                FITTED,
                Numbers.of(slope),
                bytes.size() < 2 ? "– (too little to tell)" : Numbers.of(memorySlope)));
    part.plot(
        new Plot(
            "bench-growth-" + what,
            "Growth over " + what,
            what,
            Map.of("seconds", times, "MB", megabytes)));
    part.atMost("time over " + what + ", exponent", LINEAR, slope, "");
    if (bytes.size() >= 2) {
      part.atMost("memory over " + what + ", exponent", LINEAR, memorySlope, "");
    }
  }

  private static double exponent(Map<Double, Double> points) {
    double[] x = points.keySet().stream().mapToDouble(Double::doubleValue).toArray();
    double[] y = points.values().stream().mapToDouble(Double::doubleValue).toArray();
    int from = Math.max(0, x.length - FITTED);
    return PowerLaw.fit(
            Arrays.copyOfRange(x, from, x.length), Arrays.copyOfRange(y, from, y.length))
        .exponent();
  }
}
