package io.fisherwatch.event;

import java.util.function.BooleanSupplier;

/**
 * An event and where it stood.
 *
 * @param event what was said
 * @param topic the topic
 * @param partition its partition
 * @param offset the place in the partition, which grows from event to event
 * @param assignment of the partition, under which it is handed out
 * @param overtaken looks whether a later checkpoint of its run is known to follow
 */
public record ReceivedEvent(
    TrainingEvent event,
    String topic,
    int partition,
    long offset,
    long assignment,
    BooleanSupplier overtaken) {}
