package io.fisherwatch.web;

import java.util.Optional;

/** Whether the agent can do its work. */
@FunctionalInterface
public interface Readiness {

  /** Why it cannot; empty if it can. */
  Optional<String> notReadyReason();

  /** What an operator should know of although it can. */
  default Optional<String> warning() {
    return Optional.empty();
  }
}
