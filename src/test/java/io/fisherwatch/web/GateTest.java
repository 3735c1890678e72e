package io.fisherwatch.web;

import static org.assertj.core.api.Assertions.assertThat;

import io.fisherwatch.security.TestCertificates;
import io.fisherwatch.snapshot.AgentActivity;
import io.fisherwatch.snapshot.SnapshotBoard;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import javax.net.SocketFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLHandshakeException;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What the agent's own port lets pass, over the wire. */
@Timeout(60)
class GateTest {

  private static final SecretHash PASSWORD = SecretHash.of("päss:word", 100_000);
  private static final SecretHash TOKEN = SecretHash.of("a-long-token", 100_000);
  private static final Access BOTH =
      new Access(Optional.of(new Access.User("ada", PASSWORD)), Optional.of(TOKEN), Access.HEALTH);

  @TempDir private Path folder;
  private WebServer server;

  private void start(WebSettings settings) throws IOException {
    server =
        WebServer.start(
            settings,
            new SnapshotBoard(10),
            (run, out) -> false,
            exchange -> Responses.text(exchange, 200, "metrics"),
            Optional::empty,
            () -> new AgentActivity(Map.of(), OptionalDouble.empty(), 0));
  }

  private void start(Access access) throws IOException {
    start(with(access, Optional.empty(), WebSettings.Limits.DEFAULT, Set.of()));
  }

  private static WebSettings with(
      Access access,
      Optional<WebSettings.TlsFiles> tls,
      WebSettings.Limits limits,
      Set<String> names) {
    return new WebSettings("127.0.0.1", 0, names, access, tls, limits);
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private String send(String request) throws IOException {
    return send(SocketFactory.getDefault(), request);
  }

  private String send(SocketFactory sockets, String request) throws IOException {
    try (Socket socket = sockets.createSocket(InetAddress.getLoopbackAddress(), server.port())) {
      socket.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
      socket.getOutputStream().flush();
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    } catch (SocketException e) {
      return ""; // cut off: what was sent has not been read to its end
    }
  }

  private static String get(String path, String... headers) {
    return "GET "
        + path
        + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        + String.join("", List.of(headers).stream().map(header -> header + "\r\n").toList())
        + "\r\n";
  }

  private static String basic(String pair) {
    return "Authorization: Basic "
        + Base64.getEncoder().encodeToString(pair.getBytes(StandardCharsets.UTF_8));
  }

  @Test
  void restricted_withoutCredentials_onlyHealthIsServed() throws Exception {
    start(BOTH);
    for (String path : new String[] {"/", "/app.js", "/metrics", "/api/runs", "/livez/"}) {
      assertThat(send(get(path)))
          .as(path)
          .startsWith("HTTP/1.1 401")
          .contains("application/problem+json")
          .contains("Www-authenticate: Bearer realm=\"fisherwatch\"")
          .contains("Www-authenticate: Basic realm=\"fisherwatch\", charset=\"UTF-8\"");
    }
    assertThat(send(get("/livez"))).startsWith("HTTP/1.1 200");
    assertThat(send(get("/readyz"))).startsWith("HTTP/1.1 200");
  }

  @Test
  void restricted_rightCredentialsOfEitherKind_areServed() throws Exception {
    start(BOTH);
    assertThat(send(get("/metrics", "Authorization: Bearer a-long-token"))).endsWith("metrics\n");
    assertThat(send(get("/api/runs", basic("ada:päss:word")))).startsWith("HTTP/1.1 200");
    assertThat(send(get("/", basic("ada:päss:word")))).startsWith("HTTP/1.1 200");
  }

  @Test
  void restricted_wrongCredentials_areRefused() throws Exception {
    start(BOTH);
    for (String header :
        new String[] {
          basic("eve:päss:word"),
          "Authorization: Bearer a-long-toke",
          basic("ada"),
          "Authorization: Basic !!!",
          "Authorization: Bearer ",
          "Authorization: Digest a-long-token",
          "Authorization: a-long-token"
        }) {
      assertThat(send(get("/metrics", header))).as(header).startsWith("HTTP/1.1 401");
    }
  }

  @Test
  void restricted_guessAfterGuess_isHeldUpButNotTheScrape() throws Exception {
    start(BOTH);
    String right = get("/metrics", "Authorization: Bearer a-long-token");
    assertThat(send(right)).startsWith("HTTP/1.1 200");
    assertThat(send(get("/metrics", "Authorization: Bearer guess"))).startsWith("HTTP/1.1 401");
    assertThat(send(get("/metrics", "Authorization: Bearer other")))
        .startsWith("HTTP/1.1 429")
        .contains("Retry-after: 1");
    assertThat(send(right)).startsWith("HTTP/1.1 200");
  }

  @Test
  void restricted_oneKindOnly_doesNotTakeTheOther() throws Exception {
    start(new Access(Optional.empty(), Optional.of(TOKEN), Set.of()));
    assertThat(send(get("/metrics", basic("ada:a-long-token"))))
        .startsWith("HTTP/1.1 401")
        .doesNotContain("Basic realm");
    assertThat(send(get("/livez"))).as("no path is open").startsWith("HTTP/1.1 401");
  }

  @Test
  void names_ofItsOwn_areServed() throws Exception {
    start(
        with(Access.OPEN, Optional.empty(), WebSettings.Limits.DEFAULT, Set.of("fisher.example")));
    String request = get("/livez");
    assertThat(send(request.replace("localhost", "fisher.example:443"))).startsWith("HTTP/1.1 200");
    assertThat(send(request.replace("localhost", "evil.example"))).startsWith("HTTP/1.1 403");
    assertThat(send(request.replace("Host: localhost\r\n", ""))).doesNotContain("HTTP/1.1 200");
  }

  @Test
  void requests_thatAreTooLarge_areRefused() throws Exception {
    start(Access.OPEN);
    assertThat(send(get("/api/runs?layer=" + "x".repeat(9_000)))).startsWith("HTTP/1.1 414");
    assertThat(send(get("/livez", "Content-Length: 5", "") + "hello")).startsWith("HTTP/1.1 413");
    assertThat(send(get("/livez", "Transfer-Encoding: chunked") + "0\r\n\r\n"))
        .startsWith("HTTP/1.1 413");
    assertThat(send(get("/livez", "X-Long: " + "x".repeat(ServerLimits.HEADER_BYTES))))
        .doesNotContain("HTTP/1.1 200");
    String[] many = new String[100];
    java.util.Arrays.setAll(many, i -> "X-" + i + ": y");
    assertThat(send(get("/livez", many))).doesNotContain("HTTP/1.1 200");
    assertThat(send("GET a:b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
        .doesNotContain("HTTP/1.1 200");
    assertThat(send(get("/livez"))).startsWith("HTTP/1.1 200");
  }

  @Test
  void request_thatDripsIn_isCutOff() throws Exception {
    start(Access.OPEN);
    long start = System.nanoTime();
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
      OutputStream out = socket.getOutputStream();
      out.write("GET /livez HTTP/1.1\r\nHost: localhost\r\n".getBytes(StandardCharsets.US_ASCII));
      out.flush();
      socket.setSoTimeout(45_000);
      assertThat(socket.getInputStream().read()).as("cut off without an answer").isEqualTo(-1);
    }
    assertThat(TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - start))
        .isBetween(ServerLimits.REQUEST_SECONDS - 1L, ServerLimits.REQUEST_SECONDS + 15L);
  }

  @Test
  void connections_beyondTheLimit_areClosed() throws Exception {
    start(with(Access.OPEN, Optional.empty(), new WebSettings.Limits(2, 2), Set.of()));
    List<Socket> held = new ArrayList<>();
    try {
      for (int i = 0; i < 2; i++) {
        Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port());
        socket.getOutputStream().write(get("/api/stream").getBytes(StandardCharsets.US_ASCII));
        assertThat(socket.getInputStream().read()).isEqualTo('H');
        held.add(socket);
      }
      assertThat(send(get("/livez"))).isEmpty();
    } finally {
      for (Socket socket : held) {
        socket.close();
      }
    }
  }

  @Test
  void streams_beyondTheLimit_areToldSo() throws Exception {
    start(with(Access.OPEN, Optional.empty(), new WebSettings.Limits(8, 1), Set.of()));
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
      socket.getOutputStream().write(get("/api/stream").getBytes(StandardCharsets.US_ASCII));
      assertThat(socket.getInputStream().read()).isEqualTo('H');
      assertThat(send(get("/api/stream"))).startsWith("HTTP/1.1 503");
      assertThat(send(get("/livez"))).startsWith("HTTP/1.1 200");
    }
  }

  private static SSLContext trusting(Path authority) throws Exception {
    KeyStore trusted = KeyStore.getInstance("PKCS12");
    trusted.load(null, null);
    try (InputStream in = Files.newInputStream(authority)) {
      trusted.setCertificateEntry(
          "ca", CertificateFactory.getInstance("X.509").generateCertificate(in));
    }
    TrustManagerFactory managers = TrustManagerFactory.getInstance("PKIX");
    managers.init(trusted);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, managers.getTrustManagers(), null);
    return context;
  }

  private String subject(SSLContext context) throws Exception {
    try (SSLSocket socket =
        (SSLSocket)
            context
                .getSocketFactory()
                .createSocket(InetAddress.getLoopbackAddress(), server.port())) {
      return ((X509Certificate) socket.getSession().getPeerCertificates()[0])
          .getSubjectX500Principal()
          .getName();
    }
  }

  @Test
  void tls_certificateThatChanges_isTakenUp() throws Exception {
    TestCertificates certificates = new TestCertificates(folder);
    TestCertificates.Signed first = certificates.sign("first", "dns:localhost,ip:127.0.0.1");
    TestCertificates.Signed second = certificates.sign("second", "dns:localhost,ip:127.0.0.1");
    start(
        with(
            BOTH,
            Optional.of(new WebSettings.TlsFiles(first.certificate(), first.key())),
            WebSettings.Limits.DEFAULT,
            Set.of()));
    SSLContext trusting = trusting(certificates.authority());
    assertThat(send(trusting.getSocketFactory(), get("/livez"))).startsWith("HTTP/1.1 200");
    assertThat(send(get("/livez"))).as("plain HTTP").doesNotContain("200");
    assertThat(subject(trusting)).isEqualTo("CN=first");
    FileTime later = FileTime.from(Instant.now().plusSeconds(5));
    Files.writeString(first.certificate(), "not yet written");
    Files.setLastModifiedTime(first.certificate(), later);
    Thread.sleep(2_100);
    assertThat(subject(trusting)).isEqualTo("CN=first");
    Files.write(first.certificate(), Files.readAllBytes(second.certificate()));
    Files.write(first.key(), Files.readAllBytes(second.key()));
    Files.setLastModifiedTime(first.key(), later);
    Thread.sleep(2_100);
    assertThat(subject(trusting)).isEqualTo("CN=second");
  }

  @Test
  void tls_ofAnotherAuthority_isRefusedByTheClient() throws Exception {
    TestCertificates ours = new TestCertificates(folder.resolve("ours"));
    TestCertificates others = new TestCertificates(folder.resolve("others"));
    TestCertificates.Signed signed = ours.sign("agent", "dns:localhost");
    start(
        with(
            Access.OPEN,
            Optional.of(new WebSettings.TlsFiles(signed.certificate(), signed.key())),
            WebSettings.Limits.DEFAULT,
            Set.of()));
    SSLContext trusting = trusting(others.authority());
    org.assertj.core.api.Assertions.assertThatExceptionOfType(SSLHandshakeException.class)
        .isThrownBy(() -> send(trusting.getSocketFactory(), get("/livez")));
  }
}
