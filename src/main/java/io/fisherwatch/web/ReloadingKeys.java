package io.fisherwatch.web;

import java.io.IOException;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.attribute.FileTime;
import java.security.Principal;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.X509ExtendedKeyManager;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The agent's certificate for new connections, read again when its files have changed; what cannot
 * be used is said, and the one before stays. A handshake asks several times and gets the same
 * answer: an alias is a generation.
 */
final class ReloadingKeys extends X509ExtendedKeyManager {

  private static final Logger LOG = LoggerFactory.getLogger(ReloadingKeys.class);
  private static final long CHECK_NANOS = TimeUnit.SECONDS.toNanos(2);

  private final WebSettings.TlsFiles files;
  private final LongSupplier nanoTime;
  private final Map<String, PemIdentity> generations = new ConcurrentHashMap<>();
  private int latest;
  private long checked;
  private List<FileTime> times;

  /**
   * @throws IOException if the files cannot be used
   */
  ReloadingKeys(WebSettings.TlsFiles files, LongSupplier nanoTime) throws IOException {
    this.files = files;
    this.nanoTime = nanoTime;
    this.times = times();
    this.checked = nanoTime.getAsLong();
    generations.put("0", PemIdentity.read(files));
  }

  /** The generation for a new handshake. */
  private synchronized String current() {
    if (nanoTime.getAsLong() - checked >= CHECK_NANOS) {
      checked = nanoTime.getAsLong();
      try {
        List<FileTime> now = times();
        if (!now.equals(times)) {
          times = now;
          PemIdentity renewed = PemIdentity.read(files);
          generations.remove(Integer.toString(latest - 1));
          latest++;
          generations.put(Integer.toString(latest), renewed);
          LOG.info(
              "a new certificate is in use, valid until {}",
              renewed.chain().get(0).getNotAfter().toInstant());
        }
      } catch (IOException e) {
        LOG.warn("the certificate in use stays: {}", e.getMessage());
      }
    }
    return Integer.toString(latest);
  }

  private List<FileTime> times() throws IOException {
    return List.of(
        Files.getLastModifiedTime(files.certificate()), Files.getLastModifiedTime(files.key()));
  }

  @Override
  public @Nullable String chooseEngineServerAlias(
      String keyType, Principal @Nullable [] issuers, @Nullable SSLEngine engine) {
    String alias = current();
    PemIdentity identity = generations.get(alias);
    return identity != null && identity.key().getAlgorithm().equals(keyType) ? alias : null;
  }

  @Override
  public X509Certificate @Nullable [] getCertificateChain(String alias) {
    PemIdentity identity = generations.get(alias);
    return identity == null ? null : identity.chain().toArray(X509Certificate[]::new);
  }

  @Override
  public @Nullable PrivateKey getPrivateKey(String alias) {
    PemIdentity identity = generations.get(alias);
    return identity == null ? null : identity.key();
  }

  @Override
  public @Nullable String chooseServerAlias(
      String keyType, Principal @Nullable [] issuers, @Nullable Socket socket) {
    return chooseEngineServerAlias(keyType, issuers, null);
  }

  @Override
  public String @Nullable [] getServerAliases(String keyType, Principal @Nullable [] issuers) {
    return null; // nobody asks: one alias is chosen
  }

  @Override
  public String @Nullable [] getClientAliases(String keyType, Principal @Nullable [] issuers) {
    return null; // never a client
  }

  @Override
  public @Nullable String chooseClientAlias(
      String[] keyTypes, Principal @Nullable [] issuers, @Nullable Socket socket) {
    return null;
  }
}
