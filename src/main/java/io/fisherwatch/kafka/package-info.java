/**
 * Source and sink of events on Kafka: the poll loop, offsets, rebalances, back-pressure and dead
 * letters. The door is {@link io.fisherwatch.kafka.KafkaEventSource}; beside it are topics that are
 * read as a whole, and those that keep the latest of everything.
 */
@NullMarked
package io.fisherwatch.kafka;

import org.jspecify.annotations.NullMarked;
