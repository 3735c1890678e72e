package io.fisherwatch.prometheus;

import io.fisherwatch.prometheus.MetricNames.Family;
import io.fisherwatch.snapshot.Uncertain;
import io.prometheus.metrics.model.snapshots.CounterSnapshot;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshot;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** The series of one scrape, gathered by family, up to a limit. What is undefined has no series. */
final class Series {

  private final Map<Family, Map<Labels, Double>> families = new LinkedHashMap<>();
  private final int limit;
  private int count;
  private long dropped;

  Series(int limit) {
    this.limit = limit;
  }

  /** Adds a series, unless its value is undefined. */
  void add(Family family, double value, String... labels) {
    if (Double.isNaN(value)) {
      return;
    }
    if (count >= limit) {
      dropped++;
      return;
    }
    families.computeIfAbsent(family, any -> new LinkedHashMap<>()).put(Labels.of(labels), value);
    count++;
  }

  /** Adds a figure and its error. */
  void add(Family value, Family error, Optional<Uncertain> figure, String... labels) {
    if (figure.isPresent()) {
      add(value, figure.get().value(), labels);
      add(error, figure.get().standardError().orElse(Double.NaN), labels);
    }
  }

  /** How many were left out. */
  long dropped() {
    return dropped;
  }

  MetricSnapshots snapshots() {
    MetricSnapshots.Builder all = MetricSnapshots.builder();
    families.forEach((family, points) -> all.metricSnapshot(snapshot(family, points)));
    return all.build();
  }

  private static MetricSnapshot snapshot(Family family, Map<Labels, Double> points) {
    if (family.isCounter()) {
      CounterSnapshot.Builder counter =
          CounterSnapshot.builder().name(family.base()).help(family.help());
      points.forEach(
          (labels, value) ->
              counter.dataPoint(
                  CounterSnapshot.CounterDataPointSnapshot.builder()
                      .labels(labels)
                      .value(value)
                      .build()));
      return counter.build();
    }
    GaugeSnapshot.Builder gauge = GaugeSnapshot.builder().name(family.base()).help(family.help());
    points.forEach(
        (labels, value) ->
            gauge.dataPoint(
                GaugeSnapshot.GaugeDataPointSnapshot.builder()
                    .labels(labels)
                    .value(value)
                    .build()));
    return gauge.build();
  }
}
