package io.fisherwatch.cli;

import io.fisherwatch.config.ConfigException;
import io.fisherwatch.config.LoggingConfig;
import io.fisherwatch.merge.Merge;
import io.fisherwatch.merge.MergeConfig;
import io.fisherwatch.merge.MergeConfigLoader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The merge of runs that many agents share. */
@Command(
    name = "merge",
    description =
        "Merges what the agents of a sharded run publish, and serves the figures of the whole run.")
final class MergeCommand implements Callable<Integer> {

  private static final Logger LOG = LoggerFactory.getLogger(MergeCommand.class);

  @Option(
      names = "--config",
      required = true,
      description = "Configuration, see config/merge.yaml.")
  private Path config = Path.of("");

  @Option(names = "--check", description = "Validate the configuration, and do nothing else.")
  private boolean check;

  @Override
  @SuppressWarnings("try") // the interruption is held, not used
  public Integer call() throws IOException, InterruptedException, UsageException {
    MergeConfig loaded;
    try {
      loaded = MergeConfigLoader.load(ConfigFiles.require(config), System.getenv());
    } catch (ConfigException e) {
      throw new UsageException(e.getMessage());
    }
    if (check) {
      return 0;
    }
    Logging logging = Logging.apply(loaded.logging());
    AtomicReference<@Nullable Merge> started = new AtomicReference<>();
    // closed last: the JVM waits until the merge has left its group
    try (Interruption interruption =
            Interruption.onShutdown(() -> stop(started.get()), loaded.shutdownTimeout());
        LevelWatch watch =
            LevelWatch.start(
                config,
                System.getenv(),
                (file, environment) -> read(MergeConfigLoader.load(file, environment)),
                read(loaded),
                logging);
        Merge merge = Merge.start(loaded)) {
      started.set(merge);
      LOG.info("live page: {}://{}:{}/", loaded.web().scheme(), loaded.web().host(), merge.port());
      merge.run();
    }
    return 0;
  }

  private static LevelWatch.Loaded read(MergeConfig loaded) {
    return new LevelWatch.Loaded(loaded.logging(), loaded.with(LoggingConfig.DEFAULT));
  }

  private static void stop(@Nullable Merge merge) {
    if (merge != null) {
      merge.stop();
    }
  }
}
