package io.fisherwatch.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.KeyStore;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HealthCommandTest {

  private HttpServer agent;

  @BeforeEach
  void listen() throws IOException {
    agent = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    answer("/livez", 200, "ok");
    answer("/readyz", 503, "no broker answers");
    agent.createContext("/silent", exchange -> {}); // never answered
    agent.start();
  }

  @AfterEach
  void close() {
    agent.stop(0);
  }

  private void answer(String path, int status, String text) {
    agent.createContext(
        path,
        exchange -> {
          byte[] body = text.getBytes(StandardCharsets.UTF_8);
          exchange.sendResponseHeaders(status, body.length);
          exchange.getResponseBody().write(body);
          exchange.close();
        });
  }

  private int health(String path, String... more) {
    String url = "http://127.0.0.1:" + agent.getAddress().getPort() + path;
    String[] args = new String[more.length + 3];
    args[0] = "health";
    args[1] = "--url";
    args[2] = url;
    System.arraycopy(more, 0, args, 3, more.length);
    return Main.run(args);
  }

  @Test
  void agent_thatIsReady_is0() {
    assertThat(health("/livez")).isZero();
  }

  @Test
  void agent_thatIsNotReady_is1() {
    assertThat(health("/readyz")).isEqualTo(1);
  }

  @Test
  void agent_thatIsSilent_is1() {
    assertThat(health("/silent", "--timeout", "1")).isEqualTo(1);
  }

  @Test
  void agent_thatIsAway_is1() {
    agent.stop(0);
    assertThat(health("/livez")).isEqualTo(1);
  }

  @Test
  void agent_withTls_isTrustedByItsCertificateAlone(@TempDir Path folder) throws Exception {
    String store = folder.resolve("store.p12").toString();
    String pem = folder.resolve("ca.pem").toString();
    keytool(
        "-genkeypair -alias a -keyalg EC -dname CN=agent -ext san=ip:127.0.0.1"
            + " -storetype PKCS12 -storepass secret -keystore "
            + store);
    keytool("-exportcert -rfc -alias a -storepass secret -keystore " + store + " -file " + pem);
    KeyStore keys = KeyStore.getInstance(Path.of(store).toFile(), "secret".toCharArray());
    KeyManagerFactory managers =
        KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    managers.init(keys, "secret".toCharArray());
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(managers.getKeyManagers(), null, null);
    HttpsServer secure =
        HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    secure.setHttpsConfigurator(new HttpsConfigurator(context));
    secure.createContext(
        "/readyz",
        exchange -> {
          exchange.sendResponseHeaders(200, -1);
          exchange.close();
        });
    secure.start();
    try {
      String url = "https://127.0.0.1:" + secure.getAddress().getPort() + "/readyz";
      assertThat(Main.run("health", "--url", url, "--ca", pem)).isZero();
      assertThat(Main.run("health", "--url", url)).isEqualTo(1);
      assertThat(Main.run("health", "--url", url, "--ca", "pom.xml")).isEqualTo(2);
    } finally {
      secure.stop(0);
    }
  }

  private static void keytool(String options) throws Exception {
    Path program = Path.of(System.getProperty("java.home"), "bin", "keytool");
    Process process =
        new ProcessBuilder((program + " " + options).split(" ")).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
  }

  @Test
  void address_thatIsNone_isWrongUsage() {
    assertThat(Main.run("health", "--url", "nowhere")).isEqualTo(2);
  }
}
