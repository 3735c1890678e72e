package io.fisherwatch.merge;

import io.fisherwatch.prometheus.MergeMetrics;
import io.fisherwatch.share.ShareRecord;
import io.fisherwatch.snapshot.SnapshotBoard;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.processor.api.MockProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.TimestampedKeyValueStore;
import org.apache.kafka.streams.state.ValueAndTimestamp;

/** A process that begins with what its store has been restored to. */
final class ProcessorWithStore implements AutoCloseable {

  private final SnapshotBoard board = new SnapshotBoard(100);
  private final MergedRuns merged = new MergedRuns(board);
  private final MergeMetrics metrics = new MergeMetrics(board, 1000, merged::agents, () -> 0);
  private final MockProcessorContext<Outgoing, byte[]> context = new MockProcessorContext<>();
  private final ShareProcessor processor;

  private ProcessorWithStore(
      Map<String, ValueAndTimestamp<byte[]>> content, MergeConfig.Merging config) {
    TimestampedKeyValueStore<String, byte[]> store =
        Stores.timestampedKeyValueStoreBuilder(
                Stores.inMemoryKeyValueStore(MergeTopology.STORE),
                Serdes.String(),
                Serdes.ByteArray())
            .withLoggingDisabled()
            .build();
    context.setCurrentSystemTimeMs(0);
    store.init(context.getStateStoreContext(), store);
    content.forEach(store::put);
    processor = new ShareProcessor(merged, metrics, new ShareFaults(), config);
    processor.init(context);
  }

  static ProcessorWithStore holding(
      Map<String, ValueAndTimestamp<byte[]>> content, MergeConfig.Merging config) {
    return new ProcessorWithStore(content, config);
  }

  SnapshotBoard board() {
    return board;
  }

  void send(List<ShareRecord> records) {
    for (ShareRecord shared : records) {
      byte[] key = shared.key().getBytes(StandardCharsets.UTF_8);
      processor.process(new Record<>(key, shared.value(), 0));
    }
  }

  void punctuate() {
    context.scheduledPunctuators().get(0).getPunctuator().punctuate(0);
  }

  @Override
  public void close() {
    processor.close();
    metrics.close();
  }
}
