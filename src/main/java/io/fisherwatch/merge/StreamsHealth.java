package io.fisherwatch.merge;

import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.streams.KafkaStreams.State;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How the application gets on, in words; trouble is logged when it begins and every ten minutes
 * while it lasts. For any thread.
 */
final class StreamsHealth {

  private static final Logger LOG = LoggerFactory.getLogger(StreamsHealth.class);
  private static final long REMIND_NANOS = TimeUnit.MINUTES.toNanos(10);

  private @Nullable String topics = "looking for its topics";
  private @Nullable String trouble;
  private State state = State.CREATED;
  private boolean stopping;
  private @Nullable String said;
  private long saidNanos;

  /** What is wrong with the topics, or nothing. */
  synchronized void topics(Optional<String> problem) {
    problem.ifPresent(this::say);
    if (problem.isEmpty() && topics != null) {
      LOG.info("the topics are there");
      said = null;
    }
    topics = problem.orElse(null);
  }

  /** A thread has failed; another one takes its place. */
  synchronized void failed(Throwable e) {
    Throwable root = e;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    trouble = "a thread of the application failed and is replaced: " + root;
    if (!trouble.equals(said)) {
      LOG.error("a thread of the application failed and is replaced", e);
    }
    say(trouble);
  }

  /** The application is in another state; that it runs ends all trouble. */
  synchronized void state(State next) {
    state = next;
    if (next == State.RUNNING) {
      trouble = null;
    }
  }

  synchronized void stopping() {
    stopping = true;
  }

  /** Why the figures are not those of all shares; empty if they are. */
  synchronized Optional<String> notReadyReason() {
    if (stopping) {
      return Optional.of("stopping");
    }
    if (topics != null) {
      return Optional.of(topics);
    }
    if (trouble != null) {
      return Optional.of(trouble);
    }
    return state == State.RUNNING
        ? Optional.empty()
        : Optional.of("joining the group and restoring the shares (" + state + ")");
  }

  private void say(String what) {
    long now = System.nanoTime();
    if (!what.equals(said) || now - saidNanos > REMIND_NANOS) {
      LOG.warn("{}; trying again until it works", what);
      said = what;
      saidNanos = now;
    }
  }
}
