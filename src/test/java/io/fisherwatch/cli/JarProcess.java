package io.fisherwatch.cli;

import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;

/** A command as a user runs it: a process of its own, from the jar, that serves a port. */
public final class JarProcess implements AutoCloseable {

  private static final Path JAR = Path.of("target/fisherwatch.jar");

  private final HttpClient http = HttpClient.newHttpClient();
  private final String command;
  private final String memory;
  private final Path config;
  private final Path log;
  private final int port;
  private Process process;

  /**
   * @param folder for its configuration and its log
   * @param memory of the JVM, as {@code -Xmx} has it
   * @param yaml the configuration, but for the port
   */
  public JarProcess(Path folder, String name, String command, String memory, String yaml)
      throws IOException {
    this.command = command;
    this.memory = memory;
    try (ServerSocket socket = new ServerSocket(0)) {
      port = socket.getLocalPort();
    }
    config = folder.resolve(name + ".yaml");
    log = folder.resolve(name + ".log");
    Files.writeString(config, yaml + "web:\n  port: " + port + "\n");
  }

  /** Starts it, once more if it has ended. */
  public void start() throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx" + memory,
                "-jar",
                JAR.toAbsolutePath().toString(),
                command,
                "--config",
                config.toString())
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()));
    builder.environment().keySet().removeIf(name -> name.startsWith("FISHERWATCH_"));
    process = builder.start();
  }

  /** SIGKILL. */
  public void kill() throws InterruptedException {
    process.destroyForcibly().waitFor();
  }

  /** What has been started last. */
  public Process process() {
    return process;
  }

  /** Whether it has been started and has not ended. */
  public boolean isAlive() {
    return process != null && process.isAlive();
  }

  /** Its configuration. */
  public Path config() {
    return config;
  }

  /** All that it has written. */
  public String log() throws IOException {
    return Files.readString(log);
  }

  /**
   * Asks its port.
   *
   * @throws IOException if nobody answers
   */
  public HttpResponse<byte[]> get(String path) throws IOException, InterruptedException {
    URI uri = URI.create("http://127.0.0.1:" + port + path);
    return http.send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofByteArray());
  }

  @Override
  public void close() {
    if (process != null) {
      process.destroyForcibly();
    }
  }
}
