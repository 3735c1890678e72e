package io.fisherwatch.kafka;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.utils.Utils;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps a compacted topic up to date, which is made if it is missing: of everything under one name
 * the latest version. A version that could not be written yet gives way to the next one; else it is
 * tried again until it is safe. Writes on a thread of its own. For any thread.
 */
public final class CompactedTopic implements AutoCloseable {

  /**
   * A record.
   *
   * @param value not copied, not to be changed
   */
  @SuppressWarnings("ArrayRecordComponent")
  public record Entry(String key, byte[] value) {}

  private record Version(String name, String group, List<Entry> entries) {}

  private static final Logger LOG = LoggerFactory.getLogger(CompactedTopic.class);
  private static final Duration LAST = Duration.ofSeconds(5);

  private final KafkaSettings settings;
  private final String topic;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final Map<String, Version> waiting = new LinkedHashMap<>();
  private final Thread thread;
  private boolean busy;
  private boolean closed;
  private @Nullable Producer<byte[], byte[]> producer;
  private volatile @Nullable String trouble;
  private volatile @Nullable String misfit;

  private CompactedTopic(KafkaSettings settings, String topic) {
    this.settings = settings;
    this.topic = topic;
    this.thread = new Thread(this::run, "fisherwatch-" + topic);
    thread.setDaemon(true);
  }

  /** Begins, and makes the topic if it can: if not, with the first version. */
  public static CompactedTopic open(KafkaSettings settings, String topic) {
    CompactedTopic opened = new CompactedTopic(settings, topic);
    opened.thread.start();
    return opened;
  }

  /**
   * Writes records soon, one after the other, in place of earlier ones under the name that still
   * wait.
   *
   * @param group what is of one group goes to one partition
   */
  public void publish(String name, String group, List<Entry> entries) {
    lock.lock();
    try {
      waiting.remove(name); // to the end of the queue
      waiting.put(name, new Version(name, group, List.copyOf(entries)));
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** What keeps it from writing, or is wrong with the topic, if anything. */
  public Optional<String> problem() {
    return Optional.ofNullable(trouble).or(() -> Optional.ofNullable(misfit));
  }

  /** Waits until everything is safe; false if time ran out. */
  public boolean flush(Duration time) throws InterruptedException {
    lock.lockInterruptibly();
    try {
      long nanos = time.toNanos();
      while (busy || !waiting.isEmpty()) {
        if (nanos <= 0) {
          return false;
        }
        nanos = changed.awaitNanos(nanos);
      }
      return true;
    } finally {
      lock.unlock();
    }
  }

  private void run() {
    Backoff backoff = new Backoff();
    try {
      makeTopic();
      Version next = take();
      while (next != null) {
        if (written(next)) {
          backoff.reset();
        } else {
          await(backoff.advance());
        }
        next = take();
      }
    } catch (InterruptedException e) {
      LOG.debug("interrupted: {} gets no more", topic); // only close() interrupts
    } catch (RuntimeException e) {
      LOG.error("writing {} failed", topic, e);
      trouble = topic + " is not written any more: " + e;
    } finally {
      if (producer != null) {
        producer.close(Duration.ofMillis(500));
      }
    }
  }

  private void makeTopic() throws InterruptedException {
    try {
      Producer<byte[], byte[]> unused = producer();
    } catch (KafkaException e) {
      fails(e);
    }
  }

  /** The next version; null at the end. */
  private @Nullable Version take() throws InterruptedException {
    lock.lockInterruptibly();
    try {
      busy = false;
      changed.signalAll();
      while (waiting.isEmpty() && !closed) {
        changed.await();
      }
      Iterator<Version> versions = waiting.values().iterator();
      if (!versions.hasNext()) {
        return null;
      }
      Version next = versions.next();
      versions.remove();
      busy = true;
      return next;
    } finally {
      lock.unlock();
    }
  }

  private void await(long millis) throws InterruptedException {
    lock.lockInterruptibly();
    try {
      long nanos = Duration.ofMillis(millis).toNanos();
      while (nanos > 0 && !closed) {
        nanos = changed.awaitNanos(nanos);
      }
    } finally {
      lock.unlock();
    }
  }

  private boolean written(Version version) throws InterruptedException {
    try {
      send(version, producer());
      works();
      return true;
    } catch (ExecutionException | KafkaException e) {
      Throwable cause = e instanceof ExecutionException && e.getCause() != null ? e.getCause() : e;
      fails(cause);
      if (cause instanceof RecordTooLargeException) {
        return true; // the next one may be smaller
      }
      lock.lock();
      try {
        if (!closed) {
          waiting.putIfAbsent(version.name, version);
        }
      } finally {
        lock.unlock();
      }
      return false;
    }
  }

  private Producer<byte[], byte[]> producer() throws InterruptedException {
    Producer<byte[], byte[]> current = producer;
    if (current == null) {
      misfit = Topics.require(settings, topic, Topics.COMPACTED).orElse(null);
      if (misfit != null) {
        LOG.warn("{}", misfit);
      }
      current =
          Clients.producer(
              settings,
              Map.of(
                  ProducerConfig.MAX_BLOCK_MS_CONFIG,
                  5_000,
                  ProducerConfig.REQUEST_TIMEOUT_MS_CONFIG,
                  10_000,
                  ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG,
                  20_000));
      producer = current;
    }
    return current;
  }

  private void send(Version version, Producer<byte[], byte[]> to)
      throws InterruptedException, ExecutionException {
    byte[] group = version.group.getBytes(StandardCharsets.UTF_8);
    int partition = Utils.toPositive(Utils.murmur2(group)) % to.partitionsFor(topic).size();
    List<Future<RecordMetadata>> sent = new ArrayList<>();
    for (Entry entry : version.entries) {
      byte[] key = entry.key.getBytes(StandardCharsets.UTF_8);
      sent.add(to.send(new ProducerRecord<>(topic, partition, key, entry.value)));
    }
    for (Future<RecordMetadata> one : sent) {
      one.get();
    }
  }

  private void works() {
    if (trouble != null) {
      LOG.info("writing to {} works again", topic);
    }
    trouble = null;
  }

  private void fails(Throwable cause) {
    String what = "cannot write to " + topic + ": " + cause;
    if (trouble == null) {
      LOG.warn("{}; trying again until it works", what);
    }
    trouble = what;
  }

  /** Writes what still waits, for a bounded time, and lets go. */
  @Override
  public void close() {
    try {
      if (!flush(LAST)) {
        LOG.warn("the last versions are not in {}: {}", topic, problem().orElse("time ran out"));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    lock.lock();
    try {
      closed = true;
      waiting.clear();
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    try {
      thread.join(LAST.toMillis());
      thread.interrupt(); // in case it still waits for the broker
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
