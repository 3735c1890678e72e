package io.fisherwatch.agent;

import io.fisherwatch.kafka.CompactedTopic;
import io.fisherwatch.share.Part;
import io.fisherwatch.share.ShareCodec;
import io.fisherwatch.share.ShareRecord;
import io.fisherwatch.state.Claim;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Publishes what parts have accumulated: what is new, at most once in an interval, and at once when
 * a partition comes or goes. Safe for use by many threads.
 */
final class PartPublisher {

  private static final Logger LOG = LoggerFactory.getLogger(PartPublisher.class);

  private final CompactedTopic topic;
  private final String agent;
  private final long intervalNanos;
  private final LongSupplier nanoTime;
  private final AtomicLong sequence = new AtomicLong();
  private final Map<String, Long> published = new ConcurrentHashMap<>();
  private volatile @Nullable String problem;

  /**
   * @param agent whose parts they are
   * @param intervalNanos between two publications of a part at least
   */
  PartPublisher(CompactedTopic topic, String agent, long intervalNanos, LongSupplier nanoTime) {
    this.topic = topic;
    this.agent = agent;
    this.intervalNanos = intervalNanos;
    this.nanoTime = nanoTime;
  }

  /** Publishes those parts whose time has come. */
  synchronized void publishDue(Iterable<PartitionWatch> partitions) {
    long now = nanoTime.getAsLong();
    for (PartitionWatch partition : partitions) {
      partition
          .runs()
          .forEach(
              (name, run) -> {
                Long last = published.get(name);
                if (last == null || now - last >= intervalNanos) {
                  publish(partition, name, run);
                }
              });
    }
  }

  /** Publishes every part of a partition that has news. */
  synchronized void publishNow(PartitionWatch partition) {
    partition.runs().forEach((name, run) -> publish(partition, name, run));
  }

  private void publish(PartitionWatch partition, String name, RunWatch run) {
    Optional<Claim> claim = partition.claim();
    if (!(run instanceof PartWatch part)
        || !part.isAhead()
        || claim.isEmpty()
        || partition.isGone()) {
      return;
    }
    part.publication(claim.get().epoch(), sequence.incrementAndGet(), agent)
        .ifPresent(publication -> send(name, publication));
    published.put(name, nanoTime.getAsLong());
  }

  private void send(String name, Part publication) {
    List<CompactedTopic.Entry> entries = new ArrayList<>();
    try {
      for (ShareRecord one : ShareCodec.encode(publication.stamp(), publication.share())) {
        entries.add(new CompactedTopic.Entry(one.key(), one.value()));
      }
    } catch (IllegalArgumentException e) {
      String reason = "the part " + name + " cannot be published: " + e.getMessage();
      if (!reason.equals(problem)) {
        LOG.error(reason);
      }
      problem = reason;
      return;
    }
    topic.publish(name, publication.stamp().run(), entries);
  }

  /** A part that cannot be published, and why; the latest there was. */
  Optional<String> problem() {
    return Optional.ofNullable(problem);
  }
}
