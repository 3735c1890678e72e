package io.fisherwatch.cli;

import io.fisherwatch.demo.EmbeddedBroker;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The embedded broker alone. */
@Command(name = "broker", description = "A single-node Kafka broker on this machine.")
final class BrokerCommand implements Callable<Integer> {

  @Option(
      names = "--port",
      defaultValue = "9092",
      description = "Port, 0 for a free one (default ${DEFAULT-VALUE}).")
  private int port;

  @Option(
      names = "--data",
      defaultValue = "fisherwatch-broker",
      description = "Folder of its data (default ${DEFAULT-VALUE}).")
  private Path data = Path.of("");

  @Override
  @SuppressWarnings("try") // the interruption is held, not used
  public Integer call() throws IOException, InterruptedException, UsageException {
    BrokerJars.require("broker");
    CountDownLatch stopped = new CountDownLatch(1);
    EmbeddedBroker broker = EmbeddedBroker.start(port, Files.createDirectories(data));
    // not before: Kafka cannot start in a JVM that is ending
    try (Interruption interruption = Interruption.onShutdown(stopped::countDown);
        broker) {
      System.err.println("Kafka on " + broker.bootstrapServers() + "; Ctrl-C ends it");
      stopped.await();
    }
    return 0;
  }
}
