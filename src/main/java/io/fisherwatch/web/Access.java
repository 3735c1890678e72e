package io.fisherwatch.web;

import java.util.Optional;
import java.util.Set;

/**
 * Who may read. With neither a user nor a token, everybody.
 *
 * @param user who may log in with a password, as browsers do
 * @param token hash of the bearer token that scrapers send
 * @param openPaths paths that need neither
 */
public record Access(Optional<User> user, Optional<SecretHash> token, Set<String> openPaths) {

  /** What an orchestrator asks, without credentials. */
  public static final Set<String> HEALTH = Set.of("/livez", "/readyz");

  /** Everybody may read. */
  public static final Access OPEN = new Access(Optional.empty(), Optional.empty(), HEALTH);

  /** A user of HTTP's basic authentication. */
  public record User(String name, SecretHash password) {}

  public Access {
    openPaths = Set.copyOf(openPaths);
  }

  /** Whether anybody must prove anything. */
  public boolean isRestricted() {
    return user.isPresent() || token.isPresent();
  }
}
