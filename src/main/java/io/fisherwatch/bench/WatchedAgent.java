package io.fisherwatch.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** An agent in a process of its own, watched over HTTP. */
final class WatchedAgent implements AutoCloseable {

  /** The class of the command line. */
  static final String MAIN = "io.fisherwatch.cli.Main";

  private static final Pattern OWNED =
      Pattern.compile("(?m)^fisherwatch_partition_owned\\{partition=\"(\\d+)\"[^}]*} 1\\.0$");
  private static final Pattern EXAMPLES =
      Pattern.compile("(?m)^fisher_examples_total\\{run=\"([^\"]*)\"} ([0-9.E]+)$");

  private final HttpClient client = HttpClient.newHttpClient();
  private final ObjectMapper mapper = new ObjectMapper();
  private final ChildProcess process;
  private final int port;

  /** Set before it is killed, so that whoever asks meanwhile is told nothing, not of a failure. */
  private volatile boolean killed;

  private WatchedAgent(ChildProcess process, int port) {
    this.process = process;
    this.port = port;
  }

  /**
   * Starts a process, which is not ready yet.
   *
   * @param folder for its configuration and its log
   * @param yaml the configuration, but for {@code web}
   */
  static WatchedAgent start(Path folder, String name, String yaml) throws IOException {
    int port = freePort();
    Path config = folder.resolve(name + ".yaml");
    Files.writeString(config, yaml + "web:\n  port: " + port + "\n");
    List<String> arguments = List.of("agent", "--config", config.toString());
    return new WatchedAgent(
        ChildProcess.start(folder.resolve(name + ".log"), MAIN, arguments), port);
  }

  /**
   * Whether it can do its work.
   *
   * @throws IOException if the process has ended
   */
  boolean ready() throws IOException, InterruptedException {
    return get("/readyz").isPresent();
  }

  /**
   * Events that have ended, its partitions' earlier ones among them; 0 while it does not answer.
   *
   * @throws IOException if the process has ended, or an event was refused
   */
  long ended() throws IOException, InterruptedException {
    Optional<String> answer = get("/api/agent");
    if (answer.isEmpty()) {
      return 0;
    }
    long ended = 0;
    for (JsonNode outcomes : mapper.readTree(answer.get()).path("events")) {
      for (JsonNode count : outcomes) {
        ended += count.asLong();
      }
      if (outcomes.path("dead_lettered").asLong() > 0) {
        throw new IOException("the agent refuses the bench's events: " + process.log());
      }
    }
    return ended;
  }

  /** The partitions that it owns; none while it does not answer. */
  Set<Integer> partitions() throws IOException, InterruptedException {
    Set<Integer> owned = new TreeSet<>();
    Matcher matcher = OWNED.matcher(get("/metrics").orElse(""));
    while (matcher.find()) {
      owned.add(Integer.parseInt(matcher.group(1)));
    }
    return owned;
  }

  /** Examples estimated on, by run. */
  Map<String, Long> examples() throws IOException, InterruptedException {
    Map<String, Long> examples = new HashMap<>();
    Matcher matcher = EXAMPLES.matcher(get("/metrics").orElse(""));
    while (matcher.find()) {
      examples.put(matcher.group(1), (long) Double.parseDouble(matcher.group(2)));
    }
    return examples;
  }

  /** What it answers with 200; empty while it does not. */
  private Optional<String> get(String path) throws IOException, InterruptedException {
    requireAlive();
    URI uri = URI.create("http://127.0.0.1:" + port + path);
    try {
      HttpResponse<byte[]> response =
          client.send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofByteArray());
      return response.statusCode() == 200
          ? Optional.of(new String(response.body(), StandardCharsets.UTF_8))
          : Optional.empty();
    } catch (IOException e) {
      requireAlive();
      return Optional.empty(); // it does not listen yet, or no more
    }
  }

  private void requireAlive() throws IOException {
    if (!killed) {
      process.requireAlive();
    }
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  /** Kills it. */
  @Override
  public void close() {
    killed = true;
    process.close();
  }
}
