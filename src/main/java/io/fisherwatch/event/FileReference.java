package io.fisherwatch.event;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Points to a file. Whether its place is allowed is for the reader of the file to say.
 *
 * @param uri where it is: absolute, with a scheme
 * @param sha256 the SHA-256 of its bytes, 64 lower-case hexadecimal digits
 */
public record FileReference(String uri, Optional<String> sha256) {

  private static final Pattern DIGEST = Pattern.compile("[0-9a-f]{64}");

  /** Checks both. */
  public FileReference {
    try {
      if (!new URI(uri).isAbsolute()) {
        throw new IllegalArgumentException(
            "uri is " + Checks.shown(uri) + ", which has no scheme; file:///path would have one");
      }
    } catch (URISyntaxException e) {
      throw new IllegalArgumentException(
          "uri is " + Checks.shown(uri) + ", which is not a URI: " + e.getReason(), e);
    }
    sha256.ifPresent(
        digest -> {
          if (!DIGEST.matcher(digest).matches()) {
            throw new IllegalArgumentException(
                "sha256 is " + Checks.shown(digest) + ", which should be 64 hexadecimal digits");
          }
        });
  }
}
