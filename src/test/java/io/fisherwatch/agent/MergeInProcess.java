package io.fisherwatch.agent;

import io.fisherwatch.kafka.Connection;
import io.fisherwatch.merge.Merge;
import io.fisherwatch.merge.MergeConfig;
import io.fisherwatch.merge.MergeConfigLoader;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.SafetensorsException;
import io.fisherwatch.safetensors.SafetensorsReader;
import io.fisherwatch.snapshot.RunSnapshot;
import io.fisherwatch.web.WebSettings;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The merge of a sharded group's shares, at work in this process. */
final class MergeInProcess implements AutoCloseable {

  private final Merge merge;
  private final Thread thread;

  MergeInProcess(Sharded run, Path folder) throws IOException {
    MergeConfig defaults = MergeConfigLoader.defaults();
    MergeConfig.Merging merging =
        new MergeConfig.Merging(
            "merge-test",
            Sharded.TOPIC + "-shares",
            Optional.empty(),
            Optional.of(folder.resolve("merged")),
            Duration.ofMillis(300),
            Duration.ofHours(1));
    MergeConfig config =
        new MergeConfig(
            new Connection(run.broker.bootstrapServers(), Map.of()),
            merging,
            List.of(Files.createDirectories(folder.resolve("state")).toRealPath()),
            new WebSettings("127.0.0.1", 0),
            100,
            20_000,
            defaults.logging(),
            defaults.shutdownTimeout());
    merge = Merge.start(config);
    thread =
        new Thread(
            () -> {
              try {
                merge.run();
              } catch (InterruptedException e) {
                throw new AssertionError(e);
              }
            },
            "merge");
    thread.start();
  }

  Optional<RunSnapshot> run(String name) {
    return Optional.ofNullable(merge.runs().get(name));
  }

  int port() {
    return merge.port();
  }

  String get(String path) {
    return get(port(), path);
  }

  static String get(int port, String path) {
    return new String(ask(port, path).body(), StandardCharsets.UTF_8);
  }

  /** The run's running diagonal as a server of figures has it; empty if it has none. */
  static Optional<Map<String, HostTensor>> diagonal(int port) {
    HttpResponse<byte[]> answer = ask(port, "/api/runs/" + Sharded.RUN + "/diagonal.safetensors");
    if (answer.statusCode() != 200) {
      return Optional.empty();
    }
    try {
      return Optional.of(SafetensorsReader.decode(answer.body(), "the diagonal"));
    } catch (SafetensorsException e) {
      throw new AssertionError(e);
    }
  }

  private static HttpResponse<byte[]> ask(int port, String path) {
    try {
      return HttpClient.newHttpClient()
          .send(
              HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path)).build(),
              HttpResponse.BodyHandlers.ofByteArray());
    } catch (IOException | InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  /** Whether F's tensors are the same, to a share of the largest entry of each. */
  static boolean isClose(
      Map<String, HostTensor> found, Map<String, HostTensor> expected, double share) {
    return expected.entrySet().stream()
        .filter(tensor -> tensor.getKey().startsWith("fisher/"))
        .allMatch(
            tensor ->
                found.containsKey(tensor.getKey())
                    && isClose(
                        found.get(tensor.getKey()).data().asFloatBuffer(),
                        tensor.getValue().data().asFloatBuffer(),
                        share));
  }

  private static boolean isClose(FloatBuffer found, FloatBuffer expected, double share) {
    double largest = 0;
    double furthest = 0;
    for (int i = 0; i < expected.limit(); i++) {
      largest = Math.max(largest, expected.get(i));
      furthest = Math.max(furthest, Math.abs(found.get(i) - expected.get(i)));
    }
    return largest > 0 && furthest <= share * largest;
  }

  @Override
  public void close() {
    merge.stop();
    Sharded.await(() -> "the merge ends", () -> !thread.isAlive());
    merge.close();
  }
}
