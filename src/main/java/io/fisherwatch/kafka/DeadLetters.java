package io.fisherwatch.kafka;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.RecordTooLargeException;

/**
 * The topic for what cannot be processed: original key, value and headers, and headers that say why
 * and whence. At least once: a record's topic, partition and offset tell its repetitions.
 */
final class DeadLetters implements AutoCloseable {

  static final String PREFIX = "fisherwatch.error.";

  private static final int LONGEST_MESSAGE = 2_000;
  private static final long RETRY_MILLIS = 1_000;

  /** How much of a record the broker takes. */
  private enum Extent {
    WHOLE,
    NO_VALUE,
    /** Nothing but where it was and what was wrong. */
    PLACE
  }

  private final String topic;
  private final Producer<byte[], byte[]> producer;
  private final SourceHealth health;

  DeadLetters(KafkaSettings settings, SourceHealth health) {
    this.topic = settings.deadLetterTopic();
    this.health = health;
    // short waits: each attempt is repeated here until it succeeds or the source stops
    this.producer =
        Clients.producer(
            settings,
            Map.of(
                ProducerConfig.LINGER_MS_CONFIG,
                0,
                ProducerConfig.MAX_BLOCK_MS_CONFIG,
                5_000,
                ProducerConfig.REQUEST_TIMEOUT_MS_CONFIG,
                10_000,
                ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG,
                20_000));
  }

  /**
   * Writes a record and waits until it is safe, however long the broker is away.
   *
   * @param givenUp whether to give up
   * @return whether it is safe; false if it was given up
   * @throws InterruptedException if it was given up while waiting
   */
  boolean send(
      ConsumerRecord<byte[], byte[]> record, String code, String message, BooleanSupplier givenUp)
      throws InterruptedException {
    Extent extent = Extent.WHOLE;
    ProducerRecord<byte[], byte[]> letter = letter(record, extent, code, message);
    while (!givenUp.getAsBoolean()) {
      try {
        producer.send(letter).get();
        health.deadLettersWork();
        return true;
      } catch (ExecutionException | KafkaException e) {
        Throwable cause =
            e instanceof ExecutionException && e.getCause() != null ? e.getCause() : e;
        if (cause instanceof RecordTooLargeException && extent != Extent.PLACE) {
          // our headers made it longer than the broker takes; waiting would not help
          extent = extent == Extent.WHOLE ? Extent.NO_VALUE : Extent.PLACE;
          String cut = message + " (too large to be kept as a whole)";
          letter = letter(record, extent, code, cut);
          continue;
        }
        health.deadLettersFail(topic, cause);
        TimeUnit.MILLISECONDS.sleep(RETRY_MILLIS);
      }
    }
    return false;
  }

  @Override
  public void close() {
    producer.close(Duration.ofMillis(500));
  }

  private ProducerRecord<byte[], byte[]> letter(
      ConsumerRecord<byte[], byte[]> record, Extent extent, String code, String message) {
    ProducerRecord<byte[], byte[]> letter =
        new ProducerRecord<>(
            topic,
            extent == Extent.PLACE ? null : record.key(),
            extent == Extent.WHOLE ? record.value() : null);
    if (extent != Extent.PLACE) {
      record.headers().forEach(header -> letter.headers().add(header));
    }
    String shown =
        message.length() <= LONGEST_MESSAGE ? message : message.substring(0, LONGEST_MESSAGE);
    add(letter, "code", code);
    add(letter, "message", shown);
    add(letter, "topic", record.topic());
    add(letter, "partition", Integer.toString(record.partition()));
    add(letter, "offset", Long.toString(record.offset()));
    return letter;
  }

  private static void add(ProducerRecord<byte[], byte[]> letter, String name, String value) {
    letter.headers().add(PREFIX + name, value.getBytes(StandardCharsets.UTF_8));
  }
}
