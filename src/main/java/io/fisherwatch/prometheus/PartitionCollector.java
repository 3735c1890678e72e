package io.fisherwatch.prometheus;

import io.fisherwatch.snapshot.OwnedPartition;
import io.prometheus.metrics.model.registry.MultiCollector;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import java.util.List;
import java.util.function.Supplier;

/** A series for each partition that is owned at the moment of the scrape, and none for others. */
final class PartitionCollector implements MultiCollector {

  private final Supplier<List<OwnedPartition>> partitions;

  PartitionCollector(Supplier<List<OwnedPartition>> partitions) {
    this.partitions = partitions;
  }

  @Override
  public MetricSnapshots collect() {
    List<OwnedPartition> owned = partitions.get();
    if (owned.isEmpty()) {
      return MetricSnapshots.of();
    }
    GaugeSnapshot.Builder family =
        GaugeSnapshot.builder()
            .name(MetricNames.PARTITION_OWNED.name())
            .help(MetricNames.PARTITION_OWNED.help());
    for (OwnedPartition one : owned) {
      Labels labels =
          Labels.of("partition", Integer.toString(one.partition()), "topic", one.topic());
      family.dataPoint(
          GaugeSnapshot.GaugeDataPointSnapshot.builder().labels(labels).value(1).build());
    }
    return MetricSnapshots.of(family.build());
  }
}
