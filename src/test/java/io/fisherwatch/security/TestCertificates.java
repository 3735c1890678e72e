package io.fisherwatch.security;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Objects;

/** A certificate authority of a test's own, by the JDK's keytool, and what it signs, in PEM. */
public final class TestCertificates {

  private static final String STORE_PASSWORD = "only-for-a-moment";

  private final Path folder;
  private final Path store;

  /** A key in PKCS#8 and its certificate, with the authority's behind it. */
  public record Signed(Path certificate, Path key) {}

  public TestCertificates(Path folder) throws Exception {
    this.folder = Files.createDirectories(folder);
    this.store = folder.resolve("store.p12");
    keytool("-alias", "ca", "-dname", "CN=Test authority", "-ext", "bc:c");
    Files.writeString(
        authority(), pem("CERTIFICATE", keyStore().getCertificate("ca").getEncoded()));
  }

  /** The authority's certificate. */
  public Path authority() {
    return folder.resolve("ca.pem");
  }

  /**
   * Makes and signs a key.
   *
   * @param names such as {@code dns:localhost,ip:127.0.0.1}
   */
  public Signed sign(String name, String names) throws Exception {
    keytool("-alias", name, "-dname", "CN=" + name, "-signer", "ca", "-ext", "san=" + names);
    StringBuilder chain = new StringBuilder();
    KeyStore keys = keyStore();
    for (Certificate certificate : keys.getCertificateChain(name)) {
      chain.append(pem("CERTIFICATE", certificate.getEncoded()));
    }
    byte[] key = keys.getKey(name, STORE_PASSWORD.toCharArray()).getEncoded();
    return new Signed(
        Files.writeString(folder.resolve(name + ".pem"), chain),
        Files.writeString(folder.resolve(name + ".key"), pem("PRIVATE KEY", key)));
  }

  /** What the authority has signed or itself is, as one PEM of key and chain. */
  public static String whole(Signed signed) throws IOException {
    return Files.readString(signed.key()) + Files.readString(signed.certificate());
  }

  private KeyStore keyStore() throws Exception {
    KeyStore keys = KeyStore.getInstance("PKCS12");
    try (InputStream in = Files.newInputStream(store)) {
      keys.load(in, STORE_PASSWORD.toCharArray());
    }
    return keys;
  }

  private void keytool(String... options) throws Exception {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-genkeypair",
                "-keyalg",
                "EC",
                "-groupname",
                "secp256r1",
                "-validity",
                "2",
                "-keystore",
                store.toString(),
                "-storetype",
                "PKCS12",
                "-storepass",
                STORE_PASSWORD));
    command.addAll(List.of(options));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    Objects.requireNonNull(process.getInputStream()).transferTo(said);
    if (process.waitFor() != 0) {
      throw new IOException("keytool failed: " + said.toString(StandardCharsets.UTF_8));
    }
  }

  private static String pem(String what, byte[] der) {
    return "-----BEGIN "
        + what
        + "-----\n"
        + Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(der)
        + "\n-----END "
        + what
        + "-----\n";
  }
}
