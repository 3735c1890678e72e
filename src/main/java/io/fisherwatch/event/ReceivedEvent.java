package io.fisherwatch.event;

/**
 * An event and where it stood.
 *
 * @param event what was said
 * @param topic the topic
 * @param partition its partition
 * @param offset the place in the partition, which grows from event to event
 */
public record ReceivedEvent(TrainingEvent event, String topic, int partition, long offset) {}
