package io.fisherwatch.kafka;

import io.fisherwatch.event.BatchEvent;
import io.fisherwatch.event.CloudEventCodec;
import io.fisherwatch.event.EventSink;
import io.fisherwatch.event.TrainingEvent;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;

/**
 * Sends events to the topic, keyed by run, acknowledged by every replica in sync and without
 * repetitions. For any thread.
 */
public final class KafkaEventSink implements EventSink {

  private static final Duration CLOSE = Duration.ofSeconds(10);

  private final String topic;
  private final String checkpointsTopic;
  private final Producer<byte[], byte[]> producer;

  /** Connects when the first event is sent. */
  public KafkaEventSink(KafkaSettings settings) {
    this(settings, settings.topic());
  }

  /**
   * Of sharded runs.
   *
   * @param checkpointsTopic where checkpoints and ends of runs go; batches go to the topic of the
   *     settings
   */
  public KafkaEventSink(KafkaSettings settings, String checkpointsTopic) {
    this.topic = settings.topic();
    this.checkpointsTopic = checkpointsTopic;
    producer = Clients.producer(settings, Map.of());
  }

  @Override
  public CompletableFuture<Void> publish(TrainingEvent event) {
    CompletableFuture<Void> sent = new CompletableFuture<>();
    try {
      Future<RecordMetadata> unused =
          producer.send(
              Messages.record(
                  event instanceof BatchEvent ? topic : checkpointsTopic,
                  CloudEventCodec.encode(event)),
              (metadata, error) -> {
                if (error == null) {
                  sent.complete(null);
                } else {
                  sent.completeExceptionally(error);
                }
              });
    } catch (KafkaException e) {
      sent.completeExceptionally(e);
    }
    return sent;
  }

  @Override
  public void flush() {
    producer.flush();
  }

  @Override
  public void close() {
    producer.close(CLOSE);
  }
}
