package io.fisherwatch.kafka;

import io.fisherwatch.event.CloudEventCodec;
import io.fisherwatch.event.EventMessage;
import io.fisherwatch.event.EventType;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;

/** Records as messages and back. */
final class Messages {

  private Messages() {}

  static EventMessage of(ConsumerRecord<byte[], byte[]> record) {
    List<EventMessage.Header> headers = new ArrayList<>();
    for (Header header : record.headers()) {
      headers.add(new EventMessage.Header(header.key(), header.value()));
    }
    return new EventMessage(record.key(), record.value(), headers);
  }

  static ProducerRecord<byte[], byte[]> record(String topic, EventMessage message) {
    ProducerRecord<byte[], byte[]> record =
        new ProducerRecord<>(topic, message.key(), message.value());
    message.headers().forEach(header -> record.headers().add(header.name(), header.value()));
    return record;
  }

  /** Whether a record says that it is a checkpoint. */
  static boolean isCheckpoint(ConsumerRecord<byte[], byte[]> record) {
    return CloudEventCodec.typeOf(of(record)) == EventType.CHECKPOINT;
  }

  /** Where a record stands, for messages. */
  static String place(ConsumerRecord<byte[], byte[]> record) {
    return record.topic() + "-" + record.partition() + "@" + record.offset();
  }
}
