package io.fisherwatch.cli;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.JsonEncoder;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.Appender;
import ch.qos.logback.core.OutputStreamAppender;
import io.fisherwatch.config.LoggingConfig;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.ILoggerFactory;
import org.slf4j.LoggerFactory;

/** Logback, set up as the configuration says. */
final class Logging {

  private final LoggerContext context;

  /** Levels that loggers had before they were told another one; null: their parent's. */
  private final Map<String, @Nullable Level> before = new HashMap<>();

  private Logging(LoggerContext context) {
    this.context = context;
  }

  /** Sets format and levels. */
  static Logging apply(LoggingConfig config) {
    ILoggerFactory factory = LoggerFactory.getILoggerFactory();
    if (!(factory instanceof LoggerContext logback)) {
      throw new IllegalStateException("logging is not Logback's but " + factory.getClass());
    }
    Logging logging = new Logging(logback);
    if (config.format() == LoggingConfig.Format.JSON) {
      logging.encodeAsJson();
    }
    logging.levels(config.levels());
    return logging;
  }

  /** Sets levels, and takes back those that were set before and are gone. */
  synchronized void levels(Map<String, String> levels) {
    Set<String> names = new HashSet<>(before.keySet());
    names.addAll(levels.keySet());
    for (String name : names) {
      Logger logger = context.getLogger(name);
      if (!before.containsKey(name)) {
        before.put(name, logger.getLevel());
      }
      String level = levels.get(name);
      logger.setLevel(level == null ? before.get(name) : Level.valueOf(level));
    }
  }

  private void encodeAsJson() {
    Iterator<Appender<ILoggingEvent>> appenders =
        context.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME).iteratorForAppenders();
    while (appenders.hasNext()) {
      if (appenders.next() instanceof OutputStreamAppender<ILoggingEvent> appender) {
        JsonEncoder json = new JsonEncoder();
        json.setContext(context);
        json.setWithSequenceNumber(false);
        json.setWithNanoseconds(false);
        json.setWithContext(false);
        json.setWithMessage(false);
        json.setWithArguments(false);
        json.setWithFormattedMessage(true);
        json.start();
        appender.setEncoder(json);
      }
    }
  }
}
