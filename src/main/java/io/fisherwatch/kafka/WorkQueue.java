package io.fisherwatch.kafka;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/**
 * Stands between the thread that polls and the one that works: records in the order of their
 * partition, one in hand at a time, and the offsets that may be committed. Thread-safe.
 *
 * <p>Each assignment of a partition is a claim of its own: what is finished under an old claim says
 * nothing about the new one, whose records have been fetched again.
 */
final class WorkQueue {

  /** A partition from one assignment to the next revocation. */
  static final class Claim {
    private static final AtomicLong NUMBERS = new AtomicLong();

    private final long number = NUMBERS.incrementAndGet();
    private final TopicPartition partition;
    private @Nullable OffsetAndMetadata processed;
    private @Nullable OffsetAndMetadata submitted;

    private Claim(TopicPartition partition) {
      this.partition = partition;
    }
  }

  /** A record and the claim it was fetched under. */
  record Work(Claim claim, ConsumerRecord<byte[], byte[]> record) {

    /** Tells claims on one partition apart, in this process. */
    long assignment() {
      return claim.number;
    }
  }

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final Map<TopicPartition, Claim> claims = new HashMap<>();
  private final Deque<Work> waiting = new ArrayDeque<>();
  private @Nullable Work inHand;
  private @Nullable Error failure;
  private boolean closed;

  /** The number of the claim on a partition that has been claimed. */
  long assignment(TopicPartition partition) {
    lock.lock();
    try {
      return Objects.requireNonNull(claims.get(partition)).number;
    } finally {
      lock.unlock();
    }
  }

  /** Begins a claim on each partition. */
  void claim(Collection<TopicPartition> partitions) {
    locked(() -> partitions.forEach(partition -> claims.put(partition, new Claim(partition))));
  }

  /** Forgets the records that wait for these partitions; the one in hand goes on. */
  void drop(Collection<TopicPartition> partitions) {
    locked(() -> waiting.removeIf(work -> partitions.contains(work.claim.partition)));
  }

  /** Ends the claims on these partitions, and with them the right to commit. */
  void release(Collection<TopicPartition> partitions) {
    drop(partitions);
    locked(() -> partitions.forEach(claims::remove));
  }

  /** Adds records behind those that wait; those of partitions without a claim are left out. */
  void add(Iterable<ConsumerRecord<byte[], byte[]>> records) {
    locked(
        () -> {
          for (ConsumerRecord<byte[], byte[]> record : records) {
            Claim claim = claims.get(new TopicPartition(record.topic(), record.partition()));
            if (claim != null && !closed) {
              waiting.add(new Work(claim, record));
            }
          }
        });
  }

  /** Whether there will be no further record. */
  boolean isClosed() {
    lock.lock();
    try {
      return closed;
    } finally {
      lock.unlock();
    }
  }

  /** Waits for the next record; null at the end, or if none has come in this time. */
  @Nullable Work take(Duration time) throws InterruptedException {
    lock.lockInterruptibly();
    try {
      long nanos = time.toNanos();
      while (waiting.isEmpty() && !closed && nanos > 0) {
        nanos = changed.awaitNanos(nanos);
      }
      inHand = closed ? null : waiting.poll();
      return inHand;
    } finally {
      lock.unlock();
    }
  }

  /** Whether a checkpoint of the same run waits behind a record. */
  boolean isOvertaken(ConsumerRecord<byte[], byte[]> record) {
    lock.lock();
    try {
      return waiting.stream()
          .map(Work::record)
          .anyMatch(
              later ->
                  later.partition() == record.partition()
                      && Arrays.equals(later.key(), record.key())
                      && Messages.isCheckpoint(later));
    } finally {
      lock.unlock();
    }
  }

  /** The record in hand is dealt with for good. */
  void processed(Work work) {
    locked(
        () -> {
          inHand = null;
          if (claims.get(work.claim.partition) == work.claim) {
            work.claim.processed =
                new OffsetAndMetadata(
                    work.record.offset() + 1, work.record.leaderEpoch(), /* metadata= */ "");
          }
        });
  }

  /** The record in hand is let go, to be fetched again by whoever is next. */
  void abandoned() {
    locked(() -> inHand = null);
  }

  /** Nothing can be processed any more. */
  void fail(Error error) {
    locked(
        () -> {
          inHand = null;
          failure = error;
          closed = true;
        });
  }

  /** What {@link #fail} was told. */
  @Nullable Error failure() {
    lock.lock();
    try {
      return failure;
    } finally {
      lock.unlock();
    }
  }

  /** Hands out nothing more. */
  void close() {
    locked(
        () -> {
          closed = true;
          waiting.clear();
        });
  }

  /** How many records wait or are in hand. */
  int size() {
    lock.lock();
    try {
      return waiting.size() + (inHand == null ? 0 : 1);
    } finally {
      lock.unlock();
    }
  }

  /** Waits until nothing waits or is in hand; false if time ran out. */
  boolean awaitIdle(Duration time) throws InterruptedException {
    return await(() -> waiting.isEmpty() && inHand == null, time);
  }

  /** Waits until the record in hand is not of these partitions; false if time ran out. */
  boolean awaitNoneOf(Collection<TopicPartition> partitions, Duration time)
      throws InterruptedException {
    return await(() -> inHand == null || !partitions.contains(inHand.claim.partition), time);
  }

  /** The offsets that are processed, but not yet submitted; they count as submitted from now on. */
  Map<TopicPartition, OffsetAndMetadata> submit() {
    Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
    locked(
        () -> {
          for (Claim claim : claims.values()) {
            if (claim.processed != null && !claim.processed.equals(claim.submitted)) {
              claim.submitted = claim.processed;
              offsets.put(claim.partition, claim.processed);
            }
          }
        });
    return offsets;
  }

  /** Committing these failed: they are to be submitted again. */
  void resubmit(Map<TopicPartition, OffsetAndMetadata> offsets) {
    locked(
        () ->
            offsets.forEach(
                (partition, offset) -> {
                  Claim claim = claims.get(partition);
                  if (claim != null && offset.equals(claim.submitted)) {
                    claim.submitted = null;
                  }
                }));
  }

  /** Every processed offset of these partitions, submitted or not. */
  Map<TopicPartition, OffsetAndMetadata> processed(Collection<TopicPartition> partitions) {
    Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
    locked(
        () -> {
          for (TopicPartition partition : partitions) {
            Claim claim = claims.get(partition);
            if (claim != null && claim.processed != null) {
              offsets.put(partition, claim.processed);
            }
          }
        });
    return offsets;
  }

  private boolean await(BooleanSupplier condition, Duration time) throws InterruptedException {
    lock.lockInterruptibly();
    try {
      long nanos = time.toNanos();
      while (!condition.getAsBoolean()) {
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

  private void locked(Runnable change) {
    lock.lock();
    try {
      change.run();
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }
}
