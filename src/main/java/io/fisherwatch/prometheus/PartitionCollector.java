package io.fisherwatch.prometheus;

import io.fisherwatch.snapshot.OwnedPartition;
import io.prometheus.metrics.model.registry.MultiCollector;
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
    Series series = new Series(Integer.MAX_VALUE);
    for (OwnedPartition owned : partitions.get()) {
      String number = Integer.toString(owned.partition());
      series.add(MetricNames.PARTITION_OWNED, 1, "partition", number, "topic", owned.topic());
    }
    return series.snapshots();
  }
}
