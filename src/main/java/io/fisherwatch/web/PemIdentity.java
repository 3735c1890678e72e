package io.fisherwatch.web;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A private key and the certificates that vouch for it, read from PEM files.
 *
 * @param chain the key's own certificate first
 * @param key the private key
 */
record PemIdentity(List<X509Certificate> chain, PrivateKey key) {

  private static final Pattern PKCS8 =
      Pattern.compile("-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\\s]+)-----END PRIVATE KEY-----");

  /**
   * Reads and checks both files.
   *
   * @throws IOException what is wrong, with which file, and what would be right
   */
  static PemIdentity read(WebSettings.TlsFiles files) throws IOException {
    List<X509Certificate> chain = chain(files.certificate());
    PublicKey publicKey = chain.get(0).getPublicKey();
    PrivateKey key = key(files.key(), publicKey.getAlgorithm());
    if (!belongTogether(key, publicKey)) {
      throw new IOException(
          "web.tls.key: "
              + files.key()
              + " is not the key of the first certificate in "
              + files.certificate());
    }
    return new PemIdentity(chain, key);
  }

  private static List<X509Certificate> chain(Path file) throws IOException {
    byte[] bytes = bytes("web.tls.certificate", file);
    try {
      List<X509Certificate> chain =
          CertificateFactory.getInstance("X.509")
              .generateCertificates(new ByteArrayInputStream(bytes))
              .stream()
              .map(X509Certificate.class::cast)
              .toList();
      if (!chain.isEmpty()) {
        return chain;
      }
    } catch (GeneralSecurityException e) {
      throw noCertificate(file, e);
    }
    throw noCertificate(file, null);
  }

  private static IOException noCertificate(Path file, @Nullable Exception cause) {
    return new IOException("web.tls.certificate: " + file + " holds no certificate in PEM", cause);
  }

  /** No cause goes along: its message could quote the key. */
  private static PrivateKey key(Path file, String algorithm) throws IOException {
    String text = new String(bytes("web.tls.key", file), StandardCharsets.ISO_8859_1);
    Matcher pem = PKCS8.matcher(text);
    if (!pem.find()) {
      throw new IOException(
          "web.tls.key: "
              + file
              + " holds no unencrypted PKCS#8 key ('-----BEGIN PRIVATE KEY-----'); 'openssl pkcs8"
              + " -topk8 -nocrypt' makes one of another key");
    }
    try {
      return KeyFactory.getInstance(algorithm)
          .generatePrivate(new PKCS8EncodedKeySpec(Base64.getMimeDecoder().decode(pem.group(1))));
    } catch (InvalidKeySpecException | IllegalArgumentException e) {
      throw new IOException(
          "web.tls.key: " + file + " holds no " + algorithm + " key, as the certificate asks for");
    } catch (GeneralSecurityException e) {
      throw new IOException("web.tls.certificate: this JDK knows no keys of " + algorithm, e);
    }
  }

  private static byte[] bytes(String setting, Path file) throws IOException {
    try {
      return Files.readAllBytes(file);
    } catch (IOException e) {
      throw new IOException(setting + ": " + file + " cannot be read: " + e, e);
    }
  }

  private static boolean belongTogether(PrivateKey key, PublicKey publicKey) throws IOException {
    String algorithm =
        switch (key.getAlgorithm()) {
          case "RSA" -> "SHA256withRSA";
          case "EC" -> "SHA256withECDSA";
          default -> key.getAlgorithm();
        };
    byte[] message = "fisherwatch".getBytes(StandardCharsets.US_ASCII);
    try {
      Signature signing = Signature.getInstance(algorithm);
      signing.initSign(key);
      signing.update(message);
      byte[] signature = signing.sign();
      Signature verifying = Signature.getInstance(algorithm);
      verifying.initVerify(publicKey);
      verifying.update(message);
      return verifying.verify(signature);
    } catch (GeneralSecurityException e) {
      throw new IOException("web.tls.key: the key cannot sign: " + e.getMessage());
    }
  }
}
