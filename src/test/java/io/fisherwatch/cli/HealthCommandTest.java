package io.fisherwatch.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

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
  void address_thatIsNone_isWrongUsage() {
    assertThat(Main.run("health", "--url", "nowhere")).isEqualTo(2);
  }
}
