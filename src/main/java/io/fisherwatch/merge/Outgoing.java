package io.fisherwatch.merge;

import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.streams.processor.StreamPartitioner;

/**
 * The key of a record that a task writes.
 *
 * @param partition of the topic of shares that the task reads: a tombstone of a share must come
 *     into the partition of what it deletes
 * @param key as it is written
 */
record Outgoing(int partition, String key) {

  /** Writes the key. */
  static final Serializer<Outgoing> KEYS =
      (topic, outgoing) -> outgoing.key().getBytes(StandardCharsets.UTF_8);

  /** Chooses the partition of a tombstone. */
  static final StreamPartitioner<Outgoing, byte[]> SAME_PARTITION =
      (topic, outgoing, value, partitions) -> Optional.of(Set.of(outgoing.partition()));
}
