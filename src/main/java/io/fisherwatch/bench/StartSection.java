package io.fisherwatch.bench;

import io.fisherwatch.demo.EmbeddedBroker;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** From the start of the agent's process until it says that it is ready. */
final class StartSection implements Section {

  private static final String MAIN = "io.fisherwatch.cli.Main";

  @Override
  public String name() {
    return "start";
  }

  @Override
  public void run(Bench.Site site, Report.Part part) throws Exception {
    Path folder = Files.createDirectories(site.folder().resolve("start"));
    HttpClient client = HttpClient.newHttpClient();
    try (EmbeddedBroker broker = EmbeddedBroker.start(0, folder.resolve("broker"))) {
      Rounds timed =
          site.rounds()
              .add("version", () -> version(folder))
              .add("agent", () -> untilReady(folder, broker.bootstrapServers(), client))
              .run(site.preset().pick(1, 5, 9));
      part.add(
          new Table("what", "time")
              .row("JVM that prints the version", Numbers.seconds(timed.median("version")))
              .row("agent, start to ready, no model", Numbers.seconds(timed.median("agent"))));
      part.atMost("agent, start to ready", 3, timed.median("agent"), " s");
    }
  }

  private static void version(Path folder) throws Exception {
    try (ChildProcess child =
        ChildProcess.start(folder.resolve("version.log"), MAIN, List.of("--version"))) {
      child.await();
    }
  }

  private static void untilReady(Path folder, String servers, HttpClient client) throws Exception {
    int port = freePort();
    Path config = folder.resolve("agent.yaml");
    String group = "start-" + System.nanoTime();
    Files.writeString(
        config,
        """
        kafka:
          bootstrapServers: %s
          groupId: %s
        state:
          directory: none
        web:
          port: %d
        """
            .formatted(servers, group, port));
    List<String> arguments = List.of("agent", "--config", config.toString());
    try (ChildProcess child = ChildProcess.start(folder.resolve("agent.log"), MAIN, arguments)) {
      URI ready = URI.create("http://127.0.0.1:" + port + "/readyz");
      HttpRequest request = HttpRequest.newBuilder(ready).build();
      while (!answers(client, request)) {
        child.requireAlive();
        Thread.sleep(5);
      }
    }
  }

  private static boolean answers(HttpClient client, HttpRequest request)
      throws InterruptedException {
    try {
      return client.send(request, HttpResponse.BodyHandlers.discarding()).statusCode() == 200;
    } catch (IOException e) {
      return false; // it does not listen yet
    }
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }
}
