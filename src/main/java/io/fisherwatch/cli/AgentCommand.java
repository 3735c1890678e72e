package io.fisherwatch.cli;

import io.fisherwatch.agent.Agent;
import io.fisherwatch.agent.AgentConfig;
import io.fisherwatch.agent.ConfigLoader;
import io.fisherwatch.config.ConfigException;
import io.fisherwatch.config.LoggingConfig;
import io.fisherwatch.runtime.ModelException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The sidecar. */
@Command(name = "agent", description = "Watches the training jobs that publish to a Kafka topic.")
final class AgentCommand implements Callable<Integer> {

  private static final Logger LOG = LoggerFactory.getLogger(AgentCommand.class);

  @Option(
      names = "--config",
      required = true,
      description = "Configuration, see config/agent.yaml.")
  private Path config = Path.of("");

  @Override
  @SuppressWarnings("try") // the interruption is held, not used
  public Integer call() throws IOException, ModelException, UsageException {
    AgentConfig loaded;
    try {
      loaded = ConfigLoader.load(ConfigFiles.require(config), System.getenv());
    } catch (ConfigException e) {
      throw new UsageException(e.getMessage());
    }
    Logging logging = Logging.apply(loaded.logging());
    AtomicReference<@Nullable Agent> started = new AtomicReference<>();
    // closed last: the JVM waits until the agent has let go of everything
    try (Interruption interruption =
            Interruption.onShutdown(() -> stop(started.get()), loaded.shutdownTimeout());
        LevelWatch watch =
            LevelWatch.start(
                config,
                System.getenv(),
                (file, environment) -> read(ConfigLoader.load(file, environment)),
                read(loaded),
                logging);
        Agent agent = Agent.start(loaded)) {
      started.set(agent);
      LOG.info("live page: {}://{}:{}/", loaded.web().scheme(), loaded.web().host(), agent.port());
      agent.run();
    }
    return 0;
  }

  private static LevelWatch.Loaded read(AgentConfig loaded) {
    return new LevelWatch.Loaded(loaded.logging(), loaded.with(LoggingConfig.DEFAULT));
  }

  private static void stop(@Nullable Agent agent) {
    if (agent != null) {
      agent.stop();
    }
  }
}
