package io.fisherwatch.kafka;

import java.util.Collection;
import java.util.Comparator;
import java.util.Optional;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;

/**
 * Stands for a record that Kafka's client cannot read, its checksum being wrong: it has a place,
 * but neither key nor value. It takes the way of all records, so that it ends among the dead
 * letters in its turn.
 */
final class UnreadableRecord extends ConsumerRecord<byte[], byte[]> {

  static final String CODE = "unreadable-record";

  /** The client says so in words only. */
  private static final Pattern WORDS =
      Pattern.compile("is invalid, cause|seek past the record|corrupt message");

  private static final int LONGEST_REASON = 500;

  private final String reason;

  @SuppressWarnings("NullAway") // a record may lack both
  UnreadableRecord(TopicPartition partition, long offset, KafkaException e) {
    super(partition.topic(), partition.partition(), offset, null, null);
    String text = String.valueOf(e.getMessage());
    this.reason = text.length() <= LONGEST_REASON ? text : text.substring(0, LONGEST_REASON);
  }

  /** What the client said. */
  String reason() {
    return reason;
  }

  /** The partition at whose position an unreadable record stands, if that is what went wrong. */
  static Optional<TopicPartition> partition(KafkaException e, Collection<TopicPartition> owned) {
    String message = String.valueOf(e.getMessage());
    if (!WORDS.matcher(message).find()) {
      return Optional.empty();
    }
    // events-1 is part of events-10
    return owned.stream()
        .filter(partition -> message.contains(partition.toString()))
        .max(Comparator.comparingInt(partition -> partition.toString().length()));
  }
}
