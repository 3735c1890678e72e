package io.fisherwatch.kafka;

import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.errors.ApiException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How the source gets on, in words, and each logged once and every ten minutes: what a broker that
 * is away for an hour says is a few lines, not one per attempt. For any thread.
 */
final class SourceHealth {

  private static final Logger LOG = LoggerFactory.getLogger(SourceHealth.class);

  /** After which trouble that lasts is said again. */
  private static final long REMIND_NANOS = TimeUnit.MINUTES.toNanos(10);

  private final KafkaSettings settings;
  private boolean connected;
  private boolean joined;
  private boolean stopping;
  private boolean stopped;
  private int partitions;
  private final Set<String> said = new HashSet<>();
  private long lastSaid = System.nanoTime();
  private @Nullable String trouble;
  private @Nullable String deadLetterTrouble;
  private @Nullable String gap;
  private String memberId = "";

  SourceHealth(KafkaSettings settings) {
    this.settings = settings;
  }

  synchronized boolean ready() {
    return connected
        && joined
        && !stopping
        && !stopped
        && trouble == null
        && deadLetterTrouble == null;
  }

  synchronized String status() {
    String state;
    if (stopped) {
      state = "stopped";
    } else if (stopping) {
      state = "stopping: the event in hand is finished, its state written, the group left";
    } else if (trouble != null) {
      state = trouble;
    } else if (deadLetterTrouble != null) {
      state = deadLetterTrouble;
    } else if (!connected) {
      state = "connecting to " + settings.bootstrapServers();
    } else if (!joined) {
      state = "joining the group " + settings.groupId();
    } else {
      state = "consuming " + partitions + " partitions of " + settings.topic();
    }
    return gap == null ? state : state + "; " + gap;
  }

  /** How many partitions are owned, which needs no answer of the broker's. */
  synchronized void owns(int ownedPartitions) {
    partitions = ownedPartitions;
  }

  /** What the group's coordinator calls us; empty while we are no member. */
  synchronized void member(String id) {
    memberId = id;
  }

  /** That name. */
  synchronized String memberId() {
    return memberId;
  }

  synchronized void works(boolean isMember) {
    if (trouble != null || !connected) {
      LOG.info("Kafka at {} answers", settings.bootstrapServers());
    }
    trouble = null;
    said.clear();
    connected = true;
    joined = isMember;
  }

  synchronized void away(RuntimeException e) {
    fails(
        "no answer from Kafka at "
            + settings.bootstrapServers()
            + " about topic "
            + settings.topic()
            + " (the broker is away, speaks another protocol than kafka.properties says, or the topic"
            + " does not exist): "
            + e.getMessage());
  }

  synchronized void missing() {
    fails(
        "topic "
            + settings.topic()
            + " does not exist on Kafka at "
            + settings.bootstrapServers()
            + "; create it, or correct kafka.topic");
  }

  /** The broker answers, and says no. */
  synchronized void refused(ApiException e) {
    fails(Refusals.of(settings, e));
  }

  /** A failure that may pass: the source tries again. */
  synchronized void fails(String what) {
    long now = System.nanoTime();
    // what follows the colon may change from attempt to attempt
    boolean isNew = said.add(what.replaceFirst(": .*", ""));
    if (isNew || now - lastSaid > REMIND_NANOS) {
      LOG.warn("{}; trying again until it works", what);
      lastSaid = now;
    }
    trouble = what;
    connected = false;
  }

  synchronized void deadLettersFail(String topic, Throwable cause) {
    String what = "cannot write to " + topic + ": " + cause;
    if (deadLetterTrouble == null) {
      LOG.warn("{}; trying again until it works", what);
    }
    deadLetterTrouble = what;
  }

  synchronized void deadLettersWork() {
    if (deadLetterTrouble != null) {
      LOG.info("writing to {} works again", settings.deadLetterTopic());
    }
    deadLetterTrouble = null;
  }

  /** Events are missing, which stays in the status. */
  synchronized void gap(String message) {
    LOG.warn("{}", message);
    gap = message;
  }

  /** The last gap, if there was one. */
  synchronized Optional<String> gap() {
    return Optional.ofNullable(gap);
  }

  /** Nothing is fetched any more. */
  synchronized void stopping() {
    stopping = true;
  }

  synchronized void stopped() {
    stopped = true;
  }
}
