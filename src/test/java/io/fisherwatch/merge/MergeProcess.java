package io.fisherwatch.merge;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fisherwatch.cli.JarProcess;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.function.Predicate;

/** The merge as a user runs it: a process of its own, from the jar, watched over HTTP. */
final class MergeProcess implements AutoCloseable {

  private static final Duration PATIENCE = Duration.ofMinutes(2);

  private final JarProcess jar;

  /**
   * @param yaml the configuration, but for the port
   */
  MergeProcess(Path folder, String yaml) throws IOException {
    jar = new JarProcess(folder, "merge", "merge", "256m", yaml);
  }

  void start() throws IOException {
    jar.start();
  }

  /** SIGKILL. */
  void kill() throws InterruptedException {
    jar.kill();
  }

  /** SIGTERM; the exit code. */
  int terminate() throws InterruptedException {
    jar.process().destroy();
    return jar.process().waitFor();
  }

  String log() throws IOException {
    return jar.log();
  }

  /** An answer's code and text. */
  record Answer(int statusCode, String body) {}

  private Answer get(String path) throws IOException, InterruptedException {
    HttpResponse<byte[]> answer = jar.get(path);
    return new Answer(answer.statusCode(), new String(answer.body(), StandardCharsets.UTF_8));
  }

  /** Waits until an answer is as it should be. */
  String await(String path, Predicate<Answer> expected) throws Exception {
    String last = "no answer";
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (System.nanoTime() < end) {
      try {
        Answer answer = get(path);
        last = answer.body();
        if (expected.test(answer)) {
          return last;
        }
      } catch (IOException e) {
        last = e.toString();
      }
      if (!jar.isAlive()) {
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
    jar.close();
  }
}
