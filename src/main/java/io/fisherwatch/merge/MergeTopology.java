package io.fisherwatch.merge;

import io.fisherwatch.prometheus.MergeMetrics;
import java.util.Map;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.TimestampedKeyValueStore;

/**
 * The way of a share: from its topic through {@link ShareProcessor}, which keeps it in a store in
 * memory with a changelog, to the topic of merged runs, if there is one; and tombstones back to the
 * topic of shares.
 */
final class MergeTopology {

  static final String STORE = "shares";
  static final String MERGED = "merged";
  static final String TOMBSTONES = "tombstones";

  /** Bytes of a record of the changelog: a share has 16 MiB at most. */
  static final int LARGEST_RECORD = 20 << 20;

  private static final String SOURCE = "source";
  private static final String PROCESSOR = "merge";

  private MergeTopology() {}

  static Topology of(
      MergeConfig.Merging config, MergedRuns merged, MergeMetrics metrics, ShareFaults faults) {
    StoreBuilder<TimestampedKeyValueStore<String, byte[]>> store =
        Stores.timestampedKeyValueStoreBuilder(
                Stores.inMemoryKeyValueStore(STORE), Serdes.String(), Serdes.ByteArray())
            .withLoggingEnabled(Map.of("max.message.bytes", Integer.toString(LARGEST_RECORD)));
    Topology topology = new Topology();
    topology.addSource(
        SOURCE, new ByteArrayDeserializer(), new ByteArrayDeserializer(), config.sharesTopic());
    topology.addProcessor(
        PROCESSOR, () -> new ShareProcessor(merged, metrics, faults, config), SOURCE);
    topology.addStateStore(store, PROCESSOR);
    topology.addSink(
        TOMBSTONES,
        config.sharesTopic(),
        Outgoing.KEYS,
        new ByteArraySerializer(),
        Outgoing.SAME_PARTITION,
        PROCESSOR);
    config
        .topic()
        .ifPresent(
            topic ->
                topology.addSink(
                    MERGED, topic, Outgoing.KEYS, new ByteArraySerializer(), PROCESSOR));
    return topology;
  }
}
