package io.fisherwatch.bench;

import io.fisherwatch.demo.EmbeddedBroker;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** From the start of the agent's process until it says that it is ready. */
final class StartSection implements Section {

  @Override
  public String name() {
    return "start";
  }

  @Override
  public void run(Bench.Site site, Report.Part part) throws Exception {
    Path folder = Files.createDirectories(site.folder().resolve("start"));
    try (EmbeddedBroker broker = EmbeddedBroker.start(0, folder.resolve("broker"))) {
      Rounds timed =
          site.rounds()
              .add("version", () -> version(folder))
              .add("agent", () -> untilReady(folder, broker.bootstrapServers()))
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
        ChildProcess.start(
            folder.resolve("version.log"), WatchedAgent.MAIN, List.of("--version"))) {
      child.await();
    }
  }

  private static void untilReady(Path folder, String servers) throws Exception {
    String yaml =
        """
        kafka:
          bootstrapServers: %s
          groupId: start-%d
        state:
          directory: none
        """
            .formatted(servers, System.nanoTime());
    try (WatchedAgent agent = WatchedAgent.start(folder, "agent", yaml)) {
      while (!agent.ready()) {
        Thread.sleep(5);
      }
    }
  }
}
