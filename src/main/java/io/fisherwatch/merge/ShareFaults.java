package io.fisherwatch.merge;

import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What is wrong with shares: each cause is logged once, however many records have it. Any thread.
 */
final class ShareFaults {

  private static final Logger LOG = LoggerFactory.getLogger(ShareFaults.class);

  /** Causes that are remembered; beyond, a sender invents them. */
  private static final int MOST_CAUSES = 100;

  private final Set<String> said = new HashSet<>();
  private @Nullable String latestMerge;

  /** A record of which nothing can be made. */
  synchronized void malformed(String key, String reason) {
    say("a record of shares is skipped", key, reason);
  }

  /** A run whose parts do not go together: its last figures stand. */
  synchronized void unmergeable(String run, String reason) {
    say("the parts of a run cannot be merged, its last figures stand", run, reason);
    latestMerge = "the parts of run " + run + " cannot be merged: " + reason;
  }

  /** The parts of a run go together. */
  synchronized void merged(String run) {
    if (latestMerge != null && latestMerge.startsWith("the parts of run " + run + " ")) {
      latestMerge = null;
    }
  }

  /** What an operator should know of. */
  synchronized Optional<String> warning() {
    return Optional.ofNullable(latestMerge);
  }

  /** The cause is the reason without what it quotes and counts. */
  private void say(String what, String where, String reason) {
    String cause = what + reason.replaceAll("\"[^\"]*\"?", "\"").replaceAll("\\d+", "#");
    if (said.size() < MOST_CAUSES && said.add(cause)) {
      LOG.warn("{} ({}): {}; said once of this cause", what, shown(where), shown(reason));
    }
  }

  private static String shown(String text) {
    String line = text.replaceAll("[\\p{Cntrl}\u2028\u2029]+", " ");
    return line.length() <= 300 ? line : line.substring(0, 300) + "…";
  }
}
