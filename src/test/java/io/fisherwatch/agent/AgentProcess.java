package io.fisherwatch.agent;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fisherwatch.cli.JarProcess;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** The agent as a user runs it: a process of its own, from the jar, watched over HTTP. */
final class AgentProcess implements AutoCloseable {

  private static final Pattern COUNT =
      Pattern.compile("fisherwatch_events_total\\{([^}]*)} ([0-9.E]+)");

  private static final Pattern OWNED =
      Pattern.compile("fisherwatch_partition_owned\\{partition=\"(\\d+)\"[^}]*} 1\\.0");
  private static final int TAIL = 4_000;

  private final JarProcess jar;

  /**
   * @param folder for its configuration and its log
   * @param yaml the configuration, but for the port
   */
  AgentProcess(Path folder, String name, String yaml) throws IOException {
    jar = new JarProcess(folder, name, "agent", "512m", yaml);
  }

  void start() throws IOException {
    jar.start();
  }

  /** SIGKILL. */
  void kill() throws InterruptedException {
    jar.kill();
  }

  void signal(String signal) throws IOException, InterruptedException {
    new ProcessBuilder("kill", "-" + signal, Long.toString(jar.process().pid())).start().waitFor();
  }

  /** Writes its configuration anew, while it runs. */
  void reconfigure(UnaryOperator<String> change) throws IOException {
    Files.writeString(jar.config(), change.apply(Files.readString(jar.config())));
  }

  boolean isAlive() {
    return jar.isAlive();
  }

  int await() throws InterruptedException {
    return jar.process().waitFor();
  }

  String log() throws IOException {
    return jar.log();
  }

  /** The end of its log, for messages. */
  String tail() {
    try {
      String all = log();
      return all.substring(Math.max(0, all.length() - TAIL));
    } catch (IOException e) {
      return "no log: " + e;
    }
  }

  /** Waits until its log tells of something. */
  void awaitLog(String part) throws IOException, InterruptedException {
    for (int i = 0; i < 6_000 && !log().contains(part); i++) {
      Thread.sleep(20);
    }
    if (!log().contains(part)) {
      throw new AssertionError("the log does not tell of '" + part + "': " + log());
    }
  }

  /** Ended events by outcome, or all; 0 while nobody answers. */
  long events(String outcome) throws InterruptedException {
    String metrics;
    try {
      metrics = new String(get("/metrics").body(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      return 0; // not up yet
    }
    long sum = 0;
    Matcher matcher = COUNT.matcher(metrics);
    while (matcher.find()) {
      if (matcher.group(1).contains(outcome)) {
        sum += (long) Double.parseDouble(matcher.group(2));
      }
    }
    return sum;
  }

  /** The input partitions that it owns; none while nobody answers. */
  Set<Integer> partitions() throws InterruptedException {
    Set<Integer> owned = new TreeSet<>();
    try {
      Matcher matcher = OWNED.matcher(new String(get("/metrics").body(), StandardCharsets.UTF_8));
      while (matcher.find()) {
        owned.add(Integer.parseInt(matcher.group(1)));
      }
    } catch (IOException e) {
      return Set.of(); // not up yet
    }
    return owned;
  }

  /** Waits for so many ended events. */
  void awaitEvents(long count) throws Exception {
    for (int i = 0; i < 12_000; i++) {
      if (events("") >= count) {
        return;
      }
      if (!isAlive()) {
        throw new AssertionError("the agent ended: " + log());
      }
      Thread.sleep(10);
    }
    throw new AssertionError(events("") + " events of " + count + " ended; log: " + log());
  }

  /** A run's figures, less what hangs on a clock. */
  JsonNode run(String name) throws Exception {
    ObjectNode json = (ObjectNode) new ObjectMapper().readTree(get("/api/runs/" + name).body());
    for (String field : java.util.List.of("estimateTime", "checkpointTime", "durableStep")) {
      json.remove(field);
    }
    return json;
  }

  /** Memory that is in use, the JVM's and the engine's. */
  long residentBytes() throws IOException {
    return Files.readAllLines(Path.of("/proc/" + jar.process().pid() + "/status")).stream()
        .filter(line -> line.startsWith("VmRSS:"))
        .mapToLong(line -> 1024 * Long.parseLong(line.replaceAll("\\D", "")))
        .findFirst()
        .orElseThrow();
  }

  /** Open file handles. */
  long handles() throws IOException {
    try (Stream<Path> open = Files.list(Path.of("/proc/" + jar.process().pid() + "/fd"))) {
      return open.count();
    }
  }

  byte[] diagonal(String name) throws Exception {
    return get("/api/runs/" + name + "/diagonal.safetensors").body();
  }

  HttpResponse<byte[]> get(String path) throws IOException, InterruptedException {
    return jar.get(path);
  }

  static String yaml(String servers, Recorded recorded, Path state, Map<String, String> estimate)
      throws Exception {
    StringBuilder yaml = new StringBuilder();
    yaml.append("kafka:\n  bootstrapServers: ").append(servers).append('\n');
    yaml.append("  groupId: ").append(state.getFileName()).append('\n');
    yaml.append("  properties:\n    session.timeout.ms: 6000\n    heartbeat.interval.ms: 500\n");
    yaml.append("files:\n  roots: [").append(recorded.folder()).append("]\n");
    // so that a restart does not try the graph in a child process each time
    yaml.append("  trustedGraphs: [").append(recorded.graphSha256()).append("]\n");
    yaml.append("state:\n  directory: ").append(state).append("\n  interval: 0.2s\n");
    yaml.append("threads: 1\nestimate:\n  cvEvery: 5\n");
    estimate.forEach(
        (key, value) -> yaml.append("  ").append(key).append(": ").append(value).append('\n'));
    return yaml.toString();
  }

  @Override
  public void close() {
    jar.close();
  }
}
