package io.fisherwatch.web;

import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.security.spec.KeySpec;
import java.util.Base64;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;

/**
 * A secret as the configuration keeps it: PBKDF2 with HMAC-SHA256, as {@code
 * pbkdf2-sha256:ITERATIONS:SALT:HASH} with salt and hash in URL-safe Base64. Who reads it must
 * guess.
 *
 * @param iterations of PBKDF2
 * @param salt in Base64
 * @param hash in Base64
 */
public record SecretHash(int iterations, String salt, String hash) {

  /** What OWASP recommends for PBKDF2 with HMAC-SHA256. */
  public static final int ITERATIONS = 600_000;

  private static final String SCHEME = "pbkdf2-sha256";
  private static final int FEWEST = 100_000;
  private static final int MOST = 10_000_000;
  private static final int SALT_BYTES = 16;
  private static final int HASH_BITS = 256;
  private static final Pattern FORM =
      Pattern.compile(SCHEME + ":([0-9]{1,8}):([A-Za-z0-9_-]{22,86}):([A-Za-z0-9_-]{43})");

  /**
   * Hashes a secret with a new salt.
   *
   * @throws IllegalArgumentException if it is empty
   */
  public static SecretHash of(String secret) {
    return of(secret, ITERATIONS);
  }

  static SecretHash of(String secret, int iterations) {
    byte[] salt = new byte[SALT_BYTES];
    new SecureRandom().nextBytes(salt);
    Base64.Encoder base64 = Base64.getUrlEncoder().withoutPadding();
    return new SecretHash(
        iterations,
        base64.encodeToString(salt),
        base64.encodeToString(derive(secret, salt, iterations)));
  }

  /**
   * Reads what {@link #text()} wrote.
   *
   * @throws IllegalArgumentException if it is not that, or too quick to guess
   */
  public static SecretHash parse(String text) {
    Matcher form = FORM.matcher(text);
    if (!form.matches()) {
      throw new IllegalArgumentException("not of the form " + SCHEME + ":ITERATIONS:SALT:HASH");
    }
    int iterations = Integer.parseInt(form.group(1));
    if (iterations < FEWEST || iterations > MOST) {
      throw new IllegalArgumentException(
          iterations + " iterations, instead of " + FEWEST + " to " + MOST);
    }
    return new SecretHash(iterations, form.group(2), form.group(3));
  }

  /** Whether a secret is the one that was hashed, in a time that does not tell how nearly. */
  boolean matches(String secret) {
    Base64.Decoder base64 = Base64.getUrlDecoder();
    return !secret.isEmpty()
        && MessageDigest.isEqual(
            base64.decode(hash), derive(secret, base64.decode(salt), iterations));
  }

  private static byte[] derive(String secret, byte[] salt, int iterations) {
    if (secret.isEmpty()) {
      throw new IllegalArgumentException("the secret is empty");
    }
    KeySpec spec = new PBEKeySpec(secret.toCharArray(), salt, iterations, HASH_BITS);
    try {
      return SecretKeyFactory.getInstance("PBKDF2WithHmacSHA256").generateSecret(spec).getEncoded();
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("this JDK cannot hash secrets", e);
    }
  }

  /** For the configuration. */
  public String text() {
    return SCHEME + ":" + iterations + ":" + salt + ":" + hash;
  }

  /** Without the hash, which could be guessed at. */
  @Override
  public String toString() {
    return SCHEME + ":" + iterations + ":****";
  }
}
