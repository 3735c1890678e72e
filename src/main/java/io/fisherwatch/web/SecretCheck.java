package io.fisherwatch.web;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Checks what callers present against a hash. A hash takes a large part of a second by intent, so
 * what was accepted last is remembered, as a digest under a key of this process: a scrape costs
 * microseconds. One guess is checked at a time, and none for a second after a wrong one, so that
 * guessing takes no cores from the estimates. For any thread.
 */
final class SecretCheck {

  /** What comes of it. */
  enum Verdict {
    RIGHT,
    WRONG,
    /** Another guess is being checked, or was wrong just now. */
    BUSY
  }

  private static final long PAUSE_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final SecretHash hash;
  private final LongSupplier nanoTime;
  private final SecretKeySpec key;
  private final ReentrantLock checking = new ReentrantLock();
  private volatile byte[] accepted = new byte[0];
  private long notBefore;

  SecretCheck(SecretHash hash, LongSupplier nanoTime) {
    this.hash = hash;
    this.nanoTime = nanoTime;
    byte[] random = new byte[32];
    new SecureRandom().nextBytes(random);
    this.key = new SecretKeySpec(random, "HmacSHA256");
    this.notBefore = nanoTime.getAsLong();
  }

  Verdict check(String secret) {
    byte[] digest = digest(secret);
    if (MessageDigest.isEqual(digest, accepted)) {
      return Verdict.RIGHT;
    }
    if (!checking.tryLock()) {
      return Verdict.BUSY;
    }
    try {
      if (nanoTime.getAsLong() - notBefore < 0) {
        return Verdict.BUSY;
      }
      if (hash.matches(secret)) {
        accepted = digest;
        return Verdict.RIGHT;
      }
      notBefore = nanoTime.getAsLong() + PAUSE_NANOS;
      return Verdict.WRONG;
    } finally {
      checking.unlock();
    }
  }

  private byte[] digest(String secret) {
    try {
      Mac mac = Mac.getInstance("HmacSHA256");
      mac.init(key);
      return mac.doFinal(secret.getBytes(StandardCharsets.UTF_8));
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("this JDK has no HMAC-SHA256", e);
    }
  }
}
