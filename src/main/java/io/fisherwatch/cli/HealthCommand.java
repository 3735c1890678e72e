package io.fisherwatch.cli;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.concurrent.Callable;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Asks a running agent whether it is ready: for containers, whose images have no curl. */
@Command(
    name = "health",
    description = "Asks an agent whether it is ready; the exit code is 0 if it is, else 1.")
final class HealthCommand implements Callable<Integer> {

  private static final int LONGEST_REASON = 500;

  @Option(
      names = "--url",
      defaultValue = "http://127.0.0.1:8088/readyz",
      description = "What to ask: /readyz, or /livez (default ${DEFAULT-VALUE}).")
  private String url = "";

  @Option(
      names = "--timeout",
      paramLabel = "SECONDS",
      defaultValue = "4",
      description = "How long to wait (default ${DEFAULT-VALUE}).")
  private int seconds;

  @Option(
      names = "--ca",
      paramLabel = "FILE",
      description = "Certificates in PEM to trust, for https (default: those that Java trusts).")
  private @Nullable Path authorities;

  @Override
  public Integer call() throws InterruptedException, UsageException {
    if (seconds < 1) {
      throw new UsageException("--timeout " + seconds + " is below 1");
    }
    try {
      HttpResponse<String> answer = client().send(request(), HttpResponse.BodyHandlers.ofString());
      boolean healthy = answer.statusCode() == 200;
      (healthy ? System.out : System.err).println(brief(answer.body()));
      return healthy ? 0 : 1;
    } catch (IOException e) {
      System.err.println("fisherwatch: " + url + " does not answer: " + reason(e));
      return 1;
    }
  }

  private HttpClient client() throws UsageException {
    Path pem = authorities;
    if (pem == null) {
      return HttpClient.newHttpClient();
    }
    try (InputStream in = Files.newInputStream(pem)) {
      KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
      trusted.load(null, null);
      for (Certificate each : CertificateFactory.getInstance("X.509").generateCertificates(in)) {
        trusted.setCertificateEntry("ca" + trusted.size(), each);
      }
      TrustManagerFactory managers =
          TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      managers.init(trusted);
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(null, managers.getTrustManagers(), null);
      return HttpClient.newBuilder().sslContext(context).build();
    } catch (IOException | GeneralSecurityException e) {
      throw new UsageException("--ca " + pem + " holds no certificates: " + e.getMessage());
    }
  }

  private HttpRequest request() throws UsageException {
    try {
      return HttpRequest.newBuilder(URI.create(url)).timeout(Duration.ofSeconds(seconds)).build();
    } catch (IllegalArgumentException e) {
      throw new UsageException("--url " + url + " is not an address: " + e.getMessage());
    }
  }

  /** Its class where it says nothing, as one that is refused a connection does. */
  private static String reason(IOException error) {
    @Nullable String message = error.getMessage();
    return message == null || message.isBlank() ? error.getClass().getSimpleName() : message;
  }

  private static String brief(String body) {
    String line = body.strip().replaceAll("\\s*\\R\\s*", " ");
    return line.length() <= LONGEST_REASON ? line : line.substring(0, LONGEST_REASON) + "…";
  }
}
