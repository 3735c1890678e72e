package io.fisherwatch.cli;

import ch.qos.logback.classic.ClassicConstants;
import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.spi.Configurator;
import ch.qos.logback.classic.spi.ConfiguratorRank;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.spi.ContextAwareBase;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Logback without a file: its reader of XML alone is a thousand classes, a tenth of the agent's
 * start. Where a file is given, by {@code logback.configurationFile} or on the class path, that one
 * counts.
 */
@ConfiguratorRank(LoggingDefaults.AFTER_OTHERS)
public final class LoggingDefaults extends ContextAwareBase implements Configurator {

  /** A configurator of whoever embeds us has 20 unless it says otherwise. */
  static final int AFTER_OTHERS = 0;

  private static final Map<String, Level> LEVELS =
      Map.ofEntries(
          Map.entry("org.apache.kafka", Level.WARN),
          Map.entry("kafka", Level.WARN),
          // a broker that is away or refuses: SourceHealth says it once, these at every attempt of
          // every client
          Map.entry("org.apache.kafka.clients.NetworkClient", Level.OFF),
          Map.entry("org.apache.kafka.clients.admin.internals.AdminMetadataManager", Level.ERROR),
          Map.entry(
              "org.apache.kafka.common.security.oauthbearer.internals.secured.HttpJwtRetriever",
              Level.ERROR),
          // partitions that come and go, as they do with every assignment
          Map.entry("org.apache.kafka.clients.consumer.internals.OffsetFetcherUtils", Level.ERROR),
          // an embedded broker on its first start
          Map.entry("state.change.logger", Level.ERROR),
          Map.entry("org.apache.kafka.controller.QuorumController", Level.ERROR),
          Map.entry("kafka.server.DefaultAutoTopicCreationManager", Level.ERROR),
          Map.entry("ai.djl", Level.WARN),
          // a machine without a GPU is no reason to warn
          Map.entry("ai.djl.util.cuda", Level.ERROR));

  @Override
  public ExecutionStatus configure(LoggerContext context) {
    String given = System.getProperty(ClassicConstants.CONFIG_FILE_PROPERTY);
    if (hasFile(given)) {
      return ExecutionStatus.INVOKE_NEXT_IF_ANY;
    }
    PatternLayoutEncoder encoder = new PatternLayoutEncoder();
    encoder.setContext(context);
    encoder.setPattern("%d{HH:mm:ss} %-5level %logger{0} - %msg%n");
    encoder.start();
    ConsoleAppender<ILoggingEvent> stderr = new ConsoleAppender<>(); // stdout is for results only
    stderr.setContext(context);
    stderr.setName("stderr");
    stderr.setTarget("System.err");
    stderr.setEncoder(encoder);
    stderr.start();
    LEVELS.forEach((name, level) -> context.getLogger(name).setLevel(level));
    Logger root = context.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
    root.setLevel(Level.INFO);
    root.addAppender(stderr);
    if (given != null) {
      root.warn("{} names {}, which is not there", ClassicConstants.CONFIG_FILE_PROPERTY, given);
    }
    return ExecutionStatus.DO_NOT_INVOKE_NEXT_IF_ANY;
  }

  /** As Logback looks for one: an address, a resource or a file. */
  private static boolean hasFile(@Nullable String given) {
    ClassLoader loader = LoggingDefaults.class.getClassLoader();
    if (given != null) {
      return given.matches("[A-Za-z][A-Za-z0-9+.-]+:.*")
          || loader.getResource(given) != null
          || Files.exists(Path.of(given));
    }
    return loader.getResource(ClassicConstants.TEST_AUTOCONFIG_FILE) != null
        || loader.getResource(ClassicConstants.AUTOCONFIG_FILE) != null;
  }
}
