package io.fisherwatch.event;

/**
 * An event that came to its end.
 *
 * @param type its kind
 * @param outcome how it ended
 * @param seconds how long that took
 * @param topic the topic
 * @param partition its partition
 * @param offset its place there
 * @param assignment of the partition, under which it was handed out
 * @param timestampMillis when it was published, Unix time
 */
public record EndedEvent(
    EventType type,
    Disposition outcome,
    double seconds,
    String topic,
    int partition,
    long offset,
    long assignment,
    long timestampMillis) {}
