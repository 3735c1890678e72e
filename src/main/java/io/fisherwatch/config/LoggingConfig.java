package io.fisherwatch.config;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * What is logged, and how.
 *
 * @param format of a line
 * @param levels by logger, the only part of the configuration that holds as soon as its file
 *     changes
 */
public record LoggingConfig(Format format, Map<String, String> levels) {

  /** Lines for people, levels as they are. */
  public static final LoggingConfig DEFAULT = new LoggingConfig(Format.TEXT, Map.of());

  private static final Set<String> LEVELS =
      Set.of("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "OFF");

  public LoggingConfig {
    levels = Map.copyOf(levels);
  }

  /** Reads the section {@code logging}. */
  public static LoggingConfig read(ConfigTree tree) {
    String format = tree.text("logging.format", Format.TEXT.label());
    if (Format.of(format).isEmpty()) {
      tree.mistake("logging.format", format, "text or json");
    }
    Map<String, String> levels = new TreeMap<>();
    tree.below("logging.levels")
        .forEach(
            (logger, value) -> {
              String level = value.toUpperCase(Locale.ROOT);
              levels.put(logger, level);
              if (!LEVELS.contains(level)) {
                tree.mistake(
                    "logging.levels." + logger, value, "TRACE, DEBUG, INFO, WARN, ERROR or OFF");
              }
            });
    return new LoggingConfig(Format.of(format).orElse(Format.TEXT), levels);
  }

  /** What a line of the log is. */
  public enum Format {
    /** For people. */
    TEXT,
    /** A JSON object, with run and step of the event in hand. */
    JSON;

    /** The word in the configuration. */
    public String label() {
      return name().toLowerCase(Locale.ROOT);
    }

    static Optional<Format> of(String label) {
      return List.of(values()).stream().filter(value -> value.label().equals(label)).findFirst();
    }
  }
}
