package io.fisherwatch.merge;

import io.fisherwatch.prometheus.MergeMetrics;
import io.fisherwatch.share.MergedRun;
import io.fisherwatch.share.RunParts;
import io.fisherwatch.share.ShareCodec;
import io.fisherwatch.share.ShareException;
import io.fisherwatch.share.ShareRecord;
import io.fisherwatch.snapshot.RunSnapshot;
import io.fisherwatch.web.FiguresJson;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The merge of one partition of shares. Every record goes to its run's parts and into the store;
 * once a second the runs of which a part is newer are merged and put on the board. Only the latest
 * publication of a part counts, so that whatever is repeated counts once.
 */
final class ShareProcessor implements Processor<byte[], byte[], Outgoing, byte[]> {

  private static final Logger LOG = LoggerFactory.getLogger(ShareProcessor.class);
  private static final Duration INTERVAL = Duration.ofSeconds(1);

  private final MergedRuns merged;
  private final MergeMetrics metrics;
  private final ShareFaults faults;
  private final MergeConfig.Merging config;
  private final Map<String, Run> runs = new HashMap<>();
  private final Set<String> dirty = new HashSet<>();
  private @Nullable ProcessorContext<Outgoing, byte[]> context;
  private @Nullable ShareStore store;

  /** A run's parts, and when the latest of their records was published. */
  private record Run(RunParts parts, long latestMillis) {}

  ShareProcessor(
      MergedRuns merged, MergeMetrics metrics, ShareFaults faults, MergeConfig.Merging config) {
    this.merged = merged;
    this.metrics = metrics;
    this.faults = faults;
    this.config = config;
  }

  /** The store has been restored: the board is full before the first new record comes. */
  @Override
  public void init(ProcessorContext<Outgoing, byte[]> given) {
    context = given;
    ShareStore restored = new ShareStore(given.getStateStore(MergeTopology.STORE));
    store = restored;
    merged.taken(task());
    for (String run : restored.runs()) {
      restore(run);
    }
    runs.keySet().forEach(this::merge);
    if (!runs.isEmpty()) {
      LOG.info("{} runs are back from the changelog of partition {}", runs.size(), task());
    }
    if (config.topic().isPresent()) {
      dirty.addAll(runs.keySet()); // what was merged but not published may be among them
    }
    given.schedule(INTERVAL, PunctuationType.WALL_CLOCK_TIME, this::punctuate);
  }

  private int task() {
    return context().taskId().partition();
  }

  private void restore(String run) {
    try {
      ShareStore.Restored restored = store().restore(run);
      runs.put(run, new Run(restored.parts(), restored.latestMillis()));
    } catch (ShareException e) {
      faults.malformed(run, String.valueOf(e.getMessage()));
    }
  }

  @Override
  public void process(Record<byte[], byte[]> record) {
    byte[] key = record.key();
    if (key == null) {
      malformed("", "it has no key");
      return;
    }
    String name = new String(key, StandardCharsets.UTF_8);
    try {
      String run = ShareCodec.run(name);
      if (record.value() == null) {
        delete(run, name);
      } else {
        add(run, new ShareRecord(name, record.value()), record.timestamp());
      }
      metrics.accepted();
    } catch (ShareException e) {
      malformed(name, String.valueOf(e.getMessage()));
    }
  }

  private void malformed(String key, String reason) {
    metrics.malformed();
    faults.malformed(key, reason);
  }

  private void add(String run, ShareRecord shared, long timestamp) throws ShareException {
    Run known = runs.get(run);
    RunParts parts = known == null ? new RunParts(run) : known.parts();
    boolean completes = taken(parts, shared);
    store().put(shared, timestamp, completes);
    long latest = known == null ? 0 : known.latestMillis();
    runs.put(run, new Run(parts, completes ? Math.max(latest, timestamp) : latest));
    if (completes) {
      dirty.add(run);
    }
  }

  /** What is wrong with a record must not end the thread; what is wrong with Kafka must. */
  private static boolean taken(RunParts parts, ShareRecord shared) throws ShareException {
    try {
      return parts.add(shared);
    } catch (RuntimeException e) {
      LOG.debug("record {} of shares cannot be taken in", shared.key(), e);
      throw new ShareException("internal error: " + e);
    }
  }

  /** Somebody deletes a record: its part is there no more, unless an older publication is. */
  private void delete(String run, String key) {
    if (store().remove(key)) {
      runs.remove(run);
      restore(run);
      dirty.add(run);
      Run left = runs.get(run);
      if (left == null || left.parts().parts().isEmpty()) {
        forget(run);
      }
    }
  }

  private void punctuate(long now) {
    for (String run : runs.keySet()) {
      if (merged.isRepainted(run)) {
        dirty.add(run);
      }
    }
    for (String run : dirty) {
      merge(run).ifPresent(this::forward);
    }
    dirty.clear();
    forgetEnded(now);
  }

  /** Merges a run and puts it on the board. */
  private Optional<RunSnapshot> merge(String name) {
    Run run = runs.get(name);
    if (run == null) {
      return Optional.empty();
    }
    try {
      Optional<MergedRun> made = run.parts().merge(run.latestMillis() / 1000.0);
      faults.merged(name);
      return made.map(figures -> merged.publish(task(), figures));
    } catch (RuntimeException e) { // one run must not end the others
      faults.unmergeable(name, e instanceof IllegalArgumentException ? reason(e) : e.toString());
      return Optional.empty();
    }
  }

  private static String reason(RuntimeException e) {
    return String.valueOf(e.getMessage());
  }

  private void forward(RunSnapshot snapshot) {
    if (config.topic().isPresent()) {
      byte[] json = FiguresJson.of(snapshot).toString().getBytes(StandardCharsets.UTF_8);
      send(MergeTopology.MERGED, snapshot.run(), json);
    }
  }

  /** A value of null is a tombstone. */
  @SuppressWarnings("NullAway") // Kafka's records may have no value
  private void send(String sink, String key, byte @Nullable [] value) {
    long now = context().currentSystemTimeMs();
    context().forward(new Record<>(new Outgoing(task(), key), value, now), sink);
  }

  /** Lets go of runs that ended long ago: here, in the topic of shares and in that of runs. */
  private void forgetEnded(long now) {
    long limit = now - config.endedRetention().toMillis();
    Iterator<Map.Entry<String, Run>> entries = runs.entrySet().iterator();
    while (entries.hasNext()) {
      Map.Entry<String, Run> entry = entries.next();
      MergedRun last = merged.find(entry.getKey());
      if (last != null && last.snapshot().ended() && entry.getValue().latestMillis() < limit) {
        entries.remove();
        List<String> keys = store().removeRun(entry.getKey());
        keys.forEach(key -> send(MergeTopology.TOMBSTONES, key, null));
        forget(entry.getKey());
        LOG.info("run {} ended long ago and goes", entry.getKey());
      }
    }
  }

  private void forget(String run) {
    merged.remove(run);
    if (config.topic().isPresent()) {
      send(MergeTopology.MERGED, run, null);
    }
  }

  @Override
  public void close() {
    if (context != null) {
      merged.givenUp(task());
    }
  }

  private ProcessorContext<Outgoing, byte[]> context() {
    ProcessorContext<Outgoing, byte[]> given = context;
    if (given == null) {
      throw new IllegalStateException("not initialised");
    }
    return given;
  }

  private ShareStore store() {
    ShareStore given = store;
    if (given == null) {
      throw new IllegalStateException("not initialised");
    }
    return given;
  }
}
