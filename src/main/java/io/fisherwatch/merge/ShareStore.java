package io.fisherwatch.merge;

import io.fisherwatch.share.RunParts;
import io.fisherwatch.share.ShareCodec;
import io.fisherwatch.share.ShareException;
import io.fisherwatch.share.ShareRecord;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.TimestampedKeyValueStore;
import org.apache.kafka.streams.state.ValueAndTimestamp;

/**
 * The records of shares of one task, which survive it in the store's changelog. Every part has two
 * places for each of its records: its latest complete publication stays in one while the next one
 * comes in, record by record, into the other. So a restart between two records of a publication
 * finds the one before. For the task's thread.
 */
final class ShareStore {

  private static final char PLACE = '#';

  private final TimestampedKeyValueStore<String, byte[]> store;

  /** The place of each part's latest complete publication, by the part's prefix of keys. */
  private final Map<String, Integer> complete = new HashMap<>();

  ShareStore(TimestampedKeyValueStore<String, byte[]> store) {
    this.store = store;
  }

  /** What all keys of a record's part begin with: {@code run/partition/}. */
  static String partOf(String key) {
    return key.substring(0, key.lastIndexOf('/') + 1);
  }

  /**
   * Keeps a record, unless a later one is in its place.
   *
   * @param completes whether its part's publication is complete by it
   */
  void put(ShareRecord shared, long timestamp, boolean completes) throws ShareException {
    String part = partOf(shared.key());
    int place = 1 - complete.getOrDefault(part, 1);
    String key = shared.key() + PLACE + place;
    ValueAndTimestamp<byte[]> there = store.get(key);
    if (there != null && ShareCodec.isOlder(shared, new ShareRecord(shared.key(), there.value()))) {
      return; // of an owner that does not know yet that it was replaced
    }
    store.put(key, ValueAndTimestamp.make(shared.value(), timestamp));
    if (completes) {
      complete.put(part, place);
    }
  }

  /** Forgets a record; whether there was one. */
  boolean remove(String key) {
    boolean first = store.delete(key + PLACE + 0) != null;
    boolean second = store.delete(key + PLACE + 1) != null;
    return first || second;
  }

  /**
   * Forgets a run.
   *
   * @return the keys of its records
   */
  List<String> removeRun(String run) {
    List<String> keys = records(run).stream().map(stored -> keyOf(stored.key)).distinct().toList();
    keys.forEach(this::remove);
    complete.keySet().removeIf(part -> part.startsWith(run + "/"));
    return keys;
  }

  /** The runs of which there are records. */
  Set<String> runs() {
    Set<String> runs = new TreeSet<>();
    try (KeyValueIterator<String, ValueAndTimestamp<byte[]>> all = store.all()) {
      all.forEachRemaining(next -> runs.add(next.key.substring(0, next.key.indexOf('/'))));
    }
    return runs;
  }

  /** A run's parts, with the time in milliseconds of the latest record among them. */
  record Restored(RunParts parts, long latestMillis) {}

  /**
   * Puts a run's parts together again; complete publications stand before later incomplete ones.
   *
   * @throws ShareException if a record that was taken in before is malformed now
   */
  Restored restore(String run) throws ShareException {
    RunParts parts = new RunParts(run);
    long latest = 0;
    Map<String, List<List<ShareRecord>>> places = new TreeMap<>();
    for (KeyValue<String, ValueAndTimestamp<byte[]>> stored : records(run)) {
      String key = keyOf(stored.key);
      int place = stored.key.charAt(stored.key.length() - 1) - '0';
      places
          .computeIfAbsent(partOf(key), any -> List.of(new ArrayList<>(), new ArrayList<>()))
          .get(place)
          .add(new ShareRecord(key, stored.value.value()));
      latest = Math.max(latest, stored.value.timestamp());
    }
    for (Map.Entry<String, List<List<ShareRecord>>> part : places.entrySet()) {
      int first = isComplete(run, part.getValue().get(0)) ? 0 : 1;
      complete.put(part.getKey(), first);
      for (int place : new int[] {first, 1 - first}) {
        for (ShareRecord shared : part.getValue().get(place)) {
          if (parts.add(shared)) {
            complete.put(part.getKey(), place);
          }
        }
      }
    }
    return new Restored(parts, latest);
  }

  /**
   * Whether some records are a complete publication, which a later incomplete one must not hide.
   */
  private static boolean isComplete(String run, List<ShareRecord> records) throws ShareException {
    RunParts alone = new RunParts(run);
    for (ShareRecord shared : records) {
      alone.add(shared);
    }
    return !alone.parts().isEmpty();
  }

  /** A run's records, the headers of parts last. */
  private List<KeyValue<String, ValueAndTimestamp<byte[]>>> records(String run) {
    List<KeyValue<String, ValueAndTimestamp<byte[]>>> layers = new ArrayList<>();
    List<KeyValue<String, ValueAndTimestamp<byte[]>>> headers = new ArrayList<>();
    try (KeyValueIterator<String, ValueAndTimestamp<byte[]>> all =
        store.prefixScan(run + "/", new StringSerializer())) {
      all.forEachRemaining(next -> (isHeader(keyOf(next.key)) ? headers : layers).add(next));
    }
    layers.addAll(headers);
    return layers;
  }

  private static boolean isHeader(String key) {
    return key.endsWith("/");
  }

  private static String keyOf(String stored) {
    return stored.substring(0, stored.length() - 2);
  }
}
