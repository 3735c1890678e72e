package io.fisherwatch.state;

import java.io.IOException;

/** Somebody else has claimed the partition since: nothing may be written for it any more. */
public final class LostClaimException extends IOException {

  private static final long serialVersionUID = 1L;

  LostClaimException(String message) {
    super(message);
  }
}
