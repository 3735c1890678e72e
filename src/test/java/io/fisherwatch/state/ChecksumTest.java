package io.fisherwatch.state;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ChecksumTest {

  /** The check values that catalogues of CRCs give for these nine digits. */
  @Test
  void of_nineDigits_areBothCheckValues(@TempDir Path folder) throws Exception {
    Path file = Files.writeString(folder.resolve("digits"), "123456789");
    assertThat(Checksum.of(file)).isEqualTo("e3069283" + "cbf43926").hasSize(Checksum.DIGITS);
    Checksum inParts = new Checksum();
    byte[] padded = "_123456789".getBytes(StandardCharsets.US_ASCII);
    inParts.update(padded, 1, 4);
    inParts.update(padded, 5, 5);
    assertThat(inParts.text()).isEqualTo(Checksum.of(file));
  }

  @Test
  void of_nothing_hasAllItsDigits(@TempDir Path folder) throws Exception {
    assertThat(Checksum.of(Files.createFile(folder.resolve("empty")))).isEqualTo("0".repeat(16));
  }
}
