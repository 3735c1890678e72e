package io.fisherwatch.cli;

import io.fisherwatch.config.ConfigException;
import io.fisherwatch.config.LoggingConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads the configuration again when its file changes, and sets the levels of logging as it says
 * now. By content, since a mounted ConfigMap changes behind a link. Other changes wait for a
 * restart, which is said.
 */
final class LevelWatch implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(LevelWatch.class);
  private static final long EVERY_SECONDS = 2;

  private final Path file;
  private final Map<String, String> environment;
  private final Logging logging;
  private final ScheduledExecutorService timer =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread thread = new Thread(task, "fisherwatch-levels");
            thread.setDaemon(true);
            return thread;
          });
  private final Loader loader;
  private Loaded inForce;
  private byte[] seen;

  /**
   * A configuration as it was read.
   *
   * @param logging what holds as soon as it changes
   * @param others what waits for a restart
   */
  record Loaded(LoggingConfig logging, Object others) {}

  /** Reads a configuration. */
  @FunctionalInterface
  interface Loader {
    Loaded load(Path file, Map<String, String> environment) throws ConfigException;
  }

  private LevelWatch(
      Path file, Map<String, String> environment, Loader loader, Loaded loaded, Logging logging)
      throws IOException {
    this.file = file;
    this.environment = environment;
    this.loader = loader;
    this.logging = logging;
    this.inForce = loaded;
    this.seen = Files.readAllBytes(file);
  }

  /**
   * Looks every few seconds.
   *
   * @param loaded what is in force
   */
  static LevelWatch start(
      Path file, Map<String, String> environment, Loader loader, Loaded loaded, Logging logging)
      throws IOException {
    LevelWatch watch = new LevelWatch(file, environment, loader, loaded, logging);
    var unused =
        watch.timer.scheduleWithFixedDelay(
            watch::look, EVERY_SECONDS, EVERY_SECONDS, TimeUnit.SECONDS);
    return watch;
  }

  private void look() {
    try {
      byte[] now = Files.readAllBytes(file);
      if (!Arrays.equals(now, seen)) {
        seen = now;
        changed(loader.load(file, environment));
      }
    } catch (IOException e) {
      LOG.debug("{} cannot be read at the moment: {}", file, e.toString());
    } catch (ConfigException e) {
      LOG.warn("{} has changed and is left alone: {}", file, String.join("; ", e.mistakes()));
    } catch (RuntimeException e) {
      LOG.error("levels of logging are not looked after any more", e);
      throw e; // ends the schedule
    }
  }

  private void changed(Loaded loaded) {
    if (!loaded.logging().levels().equals(inForce.logging().levels())) {
      logging.levels(loaded.logging().levels());
      LOG.info("levels of logging are now {}", loaded.logging().levels());
    }
    if (!loaded.others().equals(inForce.others())
        || loaded.logging().format() != inForce.logging().format()) {
      LOG.warn("{} has changed in more than logging.levels; the rest waits for a restart", file);
    }
    inForce = new Loaded(loaded.logging(), inForce.others());
  }

  @Override
  public void close() {
    timer.shutdownNow();
  }
}
