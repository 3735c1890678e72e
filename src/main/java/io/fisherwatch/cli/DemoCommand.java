package io.fisherwatch.cli;

import io.fisherwatch.agent.AgentConfig;
import io.fisherwatch.agent.ConfigLoader;
import io.fisherwatch.config.ConfigException;
import io.fisherwatch.demo.Demo;
import io.fisherwatch.demo.Scenario;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.snapshot.RunSnapshot;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** A whole installation in one process, with nothing to set up. */
@Command(
    name = "demo",
    description =
        "Trains a classifier beside an embedded broker and the agent, and shows its page.")
final class DemoCommand implements Callable<Integer> {

  @Option(names = "--steps", description = "Training steps (default: until Ctrl-C).")
  private @Nullable Long steps;

  @Option(
      names = "--port",
      defaultValue = "8088",
      description = "Port of the page, 0 for a free one (default ${DEFAULT-VALUE}).")
  private int port;

  @Option(names = "--config", description = "Configuration of the agent.")
  private @Nullable Path config;

  @Option(names = "--exit-when-done", description = "End when the training is done.")
  private boolean exitWhenDone;

  @Option(
      names = "--state",
      description = "Folder to keep everything in (default: a temporary one).")
  private @Nullable Path state;

  @Option(
      names = "--scenario",
      paramLabel = "NAME",
      description =
          "Trouble in training from step 150 on: healthy, label-noise, explosion, collapse,"
              + " dead-layer, saturation or imbalance (default ${DEFAULT-VALUE}).")
  private String scenario = Scenario.HEALTHY.label();

  @Option(names = "--quiet", description = "No progress.")
  private boolean quiet;

  @Override
  @SuppressWarnings("try") // the interruption is held, not used
  public Integer call() throws IOException, ModelException, InterruptedException, UsageException {
    Long given = steps;
    if (given != null && given < 1) {
      throw new UsageException("--steps " + given + " is below 1");
    }
    Scenario trouble =
        Scenario.of(scenario)
            .orElseThrow(
                () ->
                    new UsageException(
                        "--scenario "
                            + scenario
                            + " is not one of "
                            + String.join(", ", Scenario.labels())));
    BrokerJars.require("demo");
    AgentConfig agent = config();
    Path kept = state;
    Path folder =
        kept == null
            ? Files.createTempDirectory("fisherwatch-demo")
            : Files.createDirectories(kept);
    PrintStream progress =
        quiet
            ? new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8)
            : System.err;
    Demo demo = new Demo(agent, folder, progress, trouble);
    try (Interruption interruption = Interruption.onShutdown(demo::stop)) {
      try {
        Optional<RunSnapshot> last =
            demo.run(Optional.ofNullable(given), port, given != null && !exitWhenDone);
        last.ifPresent(run -> System.out.print(FiguresTable.of(run.figures())));
      } finally {
        if (kept == null) {
          delete(folder);
        }
      }
    }
    return 0;
  }

  private AgentConfig config() throws UsageException {
    Path file = config;
    try {
      return file == null
          ? ConfigLoader.defaults()
          : ConfigLoader.load(ConfigFiles.require(file), System.getenv());
    } catch (ConfigException e) {
      throw new UsageException(e.getMessage());
    }
  }

  private static void delete(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(file);
      }
    }
  }
}
