package io.fisherwatch.web;

import java.util.Optional;

/** Whether the agent can do its work. */
@FunctionalInterface
public interface Readiness {

  /** Why it cannot; empty if it can. */
  Optional<String> notReadyReason();
}
