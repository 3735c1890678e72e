package io.fisherwatch.web;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import io.fisherwatch.security.TestCertificates;
import io.fisherwatch.security.TestCertificates.Signed;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PemIdentityTest {

  @TempDir private Path folder;

  private static void fails(Path certificate, Path key, String... parts) {
    assertThatIOException()
        .isThrownBy(() -> PemIdentity.read(new WebSettings.TlsFiles(certificate, key)))
        .withMessageContainingAll(parts)
        .withNoCause();
  }

  @Test
  void files_thatDoNotFit_areToldApart() throws Exception {
    TestCertificates certificates = new TestCertificates(folder);
    Signed one = certificates.sign("one", "dns:localhost");
    Signed two = certificates.sign("two", "dns:localhost");
    PemIdentity read = PemIdentity.read(new WebSettings.TlsFiles(one.certificate(), one.key()));
    assertThat(read.chain()).hasSize(2);
    fails(one.certificate(), two.key(), "web.tls.key", "two.key", "one.pem");
    fails(one.certificate(), one.certificate(), "web.tls.key", "PKCS#8", "openssl");
    Path spoilt = folder.resolve("spoilt.key");
    Files.writeString(spoilt, Files.readString(one.key()).replace("KEY-----\nM", "KEY-----\nA"));
    fails(one.certificate(), spoilt, "web.tls.key", "spoilt.key", "EC");
    assertThatIOException()
        .isThrownBy(() -> PemIdentity.read(new WebSettings.TlsFiles(one.key(), one.key())))
        .withMessageContainingAll("web.tls.certificate", "one.key");
    assertThatIOException()
        .isThrownBy(
            () ->
                PemIdentity.read(
                    new WebSettings.TlsFiles(one.certificate(), folder.resolve("none"))))
        .withMessageContainingAll("web.tls.key", "cannot be read");
  }
}
