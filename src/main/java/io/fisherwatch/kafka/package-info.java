/**
 * Source and sink of events on Kafka: the poll loop, offsets, rebalances, back-pressure and dead
 * letters. The door is {@link io.fisherwatch.kafka.KafkaEventSource}.
 */
@NullMarked
package io.fisherwatch.kafka;

import org.jspecify.annotations.NullMarked;
