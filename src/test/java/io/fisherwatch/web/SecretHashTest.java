package io.fisherwatch.web;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class SecretHashTest {

  private static final int QUICK = 100_000;

  @Test
  void text_readAgain_matchesItsSecretOnly() {
    SecretHash hash = SecretHash.parse(SecretHash.of("correct horse", QUICK).text());
    assertThat(hash.matches("correct horse")).isTrue();
    assertThat(hash.matches("correct horsf")).isFalse();
    assertThat(hash.matches("")).isFalse();
  }

  /** As Python has it: {@code hashlib.pbkdf2_hmac('sha256', b'secret', bytes(16), 100_000)}. */
  @Test
  void text_madeByAnotherProgram_matches() {
    String made =
        "pbkdf2-sha256:100000:AAAAAAAAAAAAAAAAAAAAAA:uLzr8VOIfPgKJMy5y_LISltaQC6CRENEAMIiT8kYtf8";
    assertThat(SecretHash.parse(made).matches("secret")).isTrue();
  }

  @Test
  void of_twice_differs() {
    assertThat(SecretHash.of("x", QUICK)).isNotEqualTo(SecretHash.of("x", QUICK));
  }

  @Test
  void parse_whatIsNoHashOrTooQuick_isRefusedWithoutRepeatingIt() {
    String quick = SecretHash.of("x", QUICK).text().replace(":100000:", ":1000:");
    for (String text : new String[] {"hunter2", "", "pbkdf2-sha256:1:2:3", quick}) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> SecretHash.parse(text))
          .withMessageNotContaining("hunter2");
    }
  }

  @Test
  void toString_doesNotShowTheHash() {
    SecretHash hash = SecretHash.of("x", QUICK);
    assertThat(hash.toString()).doesNotContain(hash.hash()).doesNotContain(hash.salt());
  }

  @Test
  void check_acceptedBefore_isQuickAndNotHeldUpByGuesses() {
    AtomicLong now = new AtomicLong();
    SecretCheck check = new SecretCheck(SecretHash.of("right", QUICK), now::get);
    assertThat(check.check("right")).isEqualTo(SecretCheck.Verdict.RIGHT);
    assertThat(check.check("wrong")).isEqualTo(SecretCheck.Verdict.WRONG);
    assertThat(check.check("wrong")).isEqualTo(SecretCheck.Verdict.BUSY);
    long start = System.nanoTime();
    for (int i = 0; i < 1000; i++) {
      assertThat(check.check("right")).isEqualTo(SecretCheck.Verdict.RIGHT);
    }
    // a hash takes tens of milliseconds: a thousand of them would take longer by far
    assertThat(System.nanoTime() - start).isLessThan(TimeUnit.SECONDS.toNanos(5));
    now.addAndGet(TimeUnit.SECONDS.toNanos(1));
    assertThat(check.check("wrong")).isEqualTo(SecretCheck.Verdict.WRONG);
  }
}
