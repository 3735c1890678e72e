package io.fisherwatch.offending.web;

import java.time.Clock;

/** Touches what belongs to other rooms. */
public final class LibraryOffender {

  /** The engine. */
  public Class<?> engine = ai.djl.Device.class;

  /** Kafka's clients. */
  public Class<?> client = org.apache.kafka.clients.consumer.Consumer.class;

  /** Kafka Streams. */
  public Class<?> streams = org.apache.kafka.streams.KafkaStreams.class;

  /** A broker. */
  public Class<?> broker = kafka.server.KafkaRaftServer.class;

  /** Micrometer. */
  public Class<?> meter = io.micrometer.core.instrument.Meter.class;

  /** A clock. */
  public Clock clock = Clock.systemUTC();
}
