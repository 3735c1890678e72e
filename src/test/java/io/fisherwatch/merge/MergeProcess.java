package io.fisherwatch.merge;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.function.Predicate;

/** The merge as a user runs it: a process of its own, from the jar, watched over HTTP. */
final class MergeProcess implements AutoCloseable {

  private static final Path JAR = Path.of("target/fisherwatch.jar");
  private static final Duration PATIENCE = Duration.ofMinutes(2);

  private final HttpClient http = HttpClient.newHttpClient();
  private final Path config;
  private final Path log;
  private final int port;
  private Process process;

  /**
   * @param yaml the configuration, but for the port
   */
  MergeProcess(Path folder, String yaml) throws IOException {
    try (ServerSocket socket = new ServerSocket(0)) {
      port = socket.getLocalPort();
    }
    config = folder.resolve("merge.yaml");
    log = folder.resolve("merge.log");
    Files.writeString(config, yaml + "web:\n  port: " + port + "\n");
  }

  void start() throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-jar",
                JAR.toAbsolutePath().toString(),
                "merge",
                "--config",
                config.toString())
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()));
    builder.environment().keySet().removeIf(name -> name.startsWith("FISHERWATCH_"));
    process = builder.start();
  }

  /** SIGKILL. */
  void kill() throws InterruptedException {
    process.destroyForcibly().waitFor();
  }

  /** SIGTERM; the exit code. */
  int terminate() throws InterruptedException {
    process.destroy();
    return process.waitFor();
  }

  String log() throws IOException {
    return Files.readString(log);
  }

  /** What is answered; the code and the text of an error while nobody answers. */
  private HttpResponse<String> get(String path) throws IOException, InterruptedException {
    URI uri = URI.create("http://127.0.0.1:" + port + path);
    return http.send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofString());
  }

  /** Waits until an answer is as it should be. */
  String await(String path, Predicate<HttpResponse<String>> expected) throws Exception {
    String last = "no answer";
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (System.nanoTime() < end) {
      try {
        HttpResponse<String> answer = get(path);
        last = answer.body();
        if (expected.test(answer)) {
          return last;
        }
      } catch (IOException e) {
        last = e.toString();
      }
      if (!process.isAlive()) {
        throw new AssertionError("the merge ended: " + log());
      }
      Thread.sleep(50);
    }
    throw new AssertionError(path + " answers " + last + "; log: " + log());
  }

  void awaitReady() throws Exception {
    await("/readyz", answer -> answer.statusCode() == 200);
  }

  /** Waits until a run's trace of F is near a value; the run. */
  JsonNode awaitTrace(String run, double trace) throws Exception {
    String json =
        await(
            "/api/runs/" + run,
            answer -> answer.statusCode() == 200 && Math.abs(trace(answer.body()) - trace) < 1e-9);
    return new ObjectMapper().readTree(json);
  }

  private static double trace(String run) {
    try {
      return new ObjectMapper().readTree(run).at("/layers/0/trace/fisher/value").asDouble();
    } catch (IOException e) {
      throw new AssertionError(run, e);
    }
  }

  @Override
  public void close() {
    if (process != null) {
      process.destroyForcibly();
    }
  }
}
