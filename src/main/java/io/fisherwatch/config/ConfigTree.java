package io.fisherwatch.config;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.fisherwatch.kafka.KafkaSettings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A YAML file with the environment laid over it, asked key by key. It remembers which keys were
 * asked for, so that others are mistakes, and collects all mistakes before it complains.
 */
public final class ConfigTree {

  private static final String PREFIX = "FISHERWATCH_";
  private static final Set<String> OTHER_VARIABLES = Set.of("FISHERWATCH_CI");
  private static final String CLIENTS = "kafka.properties.";
  private static final String A_TIME = "a time such as 90s, 30m or 24h";
  private static final Pattern FILE = Pattern.compile("\\$\\{file:([^}]+)}");

  private final Map<String, String> values = new LinkedHashMap<>();
  private final Map<String, String> environment;
  private final Set<String> secrets = new LinkedHashSet<>();
  private final Set<String> asked = new LinkedHashSet<>();
  private final List<String> mistakes = new ArrayList<>();

  private ConfigTree(Map<String, String> environment) {
    this.environment = environment;
  }

  /** Nothing but defaults. */
  public static ConfigTree empty() {
    return new ConfigTree(Map.of());
  }

  /**
   * Reads a file.
   *
   * @throws ConfigException if it is not YAML, or no mapping
   */
  public static ConfigTree read(Path file, Map<String, String> environment) throws ConfigException {
    ConfigTree tree = new ConfigTree(environment);
    YAMLMapper mapper =
        YAMLMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();
    try {
      JsonNode root = mapper.readTree(Files.readAllBytes(file));
      if (root != null && !root.isMissingNode() && !root.isNull()) {
        if (!root.isObject()) {
          throw new ConfigException(List.of(file + " is no mapping of keys to values"));
        }
        tree.flatten("", root);
      }
    } catch (JsonProcessingException e) {
      throw new ConfigException(
          List.of(
              file
                  + ", line "
                  + (e.getLocation() == null ? "?" : e.getLocation().getLineNr())
                  + ": "
                  + withoutQuotations(e.getOriginalMessage())));
    } catch (IOException e) {
      throw new ConfigException(List.of(file + " cannot be read: " + e.getMessage()));
    }
    return tree;
  }

  /** The parser quotes the lines that it stumbles over, indented; a secret may be on them. */
  private static String withoutQuotations(String message) {
    return message
        .lines()
        .filter(line -> !line.isBlank() && !line.startsWith(" "))
        .collect(Collectors.joining(", "));
  }

  private void flatten(String prefix, JsonNode node) {
    for (Map.Entry<String, JsonNode> entry : node.properties()) {
      String key = prefix + entry.getKey();
      JsonNode value = entry.getValue();
      if (value.isObject()) {
        flatten(key + ".", value);
      } else if (value.isArray()) {
        List<String> items = new ArrayList<>();
        value.forEach(item -> items.add(item.asText()));
        values.put(key, expand(key, String.join(",", items)));
      } else if (value.isNull()) {
        mistakes.add(key + " has no value; give one, or leave the key out");
      } else {
        values.put(key, expand(key, value.asText()));
      }
    }
  }

  /** Puts the contents of files in the place of <code>${file:…}</code>. */
  private String expand(String key, String value) {
    Matcher matcher = FILE.matcher(value);
    StringBuilder expanded = new StringBuilder();
    while (matcher.find()) {
      secrets.add(key);
      String content = "";
      try {
        content = Files.readString(Path.of(matcher.group(1))).stripTrailing();
      } catch (IOException e) {
        mistakes.add(key + ": the file " + matcher.group(1) + " cannot be read");
      }
      matcher.appendReplacement(expanded, Matcher.quoteReplacement(content));
    }
    return matcher.appendTail(expanded).toString();
  }

  /**
   * The variable that overrides a key: {@code kafka.groupId} → {@code FISHERWATCH_KAFKA_GROUP_ID}.
   */
  static String variable(String key) {
    return PREFIX
        + key.replace('.', '_').replaceAll("([a-z])([A-Z])", "$1_$2").toUpperCase(Locale.ROOT);
  }

  /** A key's value as text. */
  public String text(String key, String otherwise) {
    asked.add(key);
    String overriding = environment.get(variable(key));
    if (overriding != null) {
      return expand(key, overriding);
    }
    return values.getOrDefault(key, otherwise);
  }

  /** A key's value as a whole number. */
  public long number(String key, long otherwise, long least, long most) {
    String value = text(key, Long.toString(otherwise));
    try {
      long number = Long.parseLong(value);
      if (number >= least && number <= most) {
        return number;
      }
    } catch (NumberFormatException e) {
      mistake(key, value, "a whole number");
      return otherwise;
    }
    mistake(key, value, "a number from " + least + " to " + most);
    return otherwise;
  }

  /** A key's value as a real number. */
  public double real(String key, double otherwise, double least, double most) {
    String value = text(key, Double.toString(otherwise));
    try {
      double number = Double.parseDouble(value);
      if (number >= least && number <= most) {
        return number;
      }
    } catch (NumberFormatException e) {
      mistake(key, value, "a number from " + least + " to " + most);
      return otherwise;
    }
    mistake(key, value, "a number from " + least + " to " + most);
    return otherwise;
  }

  /** A key's value as true or false. */
  public boolean flag(String key, boolean otherwise) {
    String value = text(key, Boolean.toString(otherwise));
    if (!value.equals("true") && !value.equals("false")) {
      mistake(key, value, "true or false");
    }
    return value.equals("true");
  }

  /** A key's value as a time, such as {@code 90s}, {@code 30m} or {@code 24h}. */
  public Duration duration(String key, Duration otherwise) {
    String value = text(key, otherwise.toSeconds() + "s");
    try {
      Duration duration = Duration.parse("PT" + value.toUpperCase(Locale.ROOT));
      if (!duration.isNegative()) {
        return duration;
      }
    } catch (DateTimeParseException e) {
      mistake(key, value, A_TIME);
      return otherwise;
    }
    mistake(key, value, A_TIME);
    return otherwise;
  }

  /** A list of folders' values. */
  public List<Path> folders(String key) {
    List<Path> folders = new ArrayList<>();
    for (String folder : list(key)) {
      try {
        Path path = Path.of(folder);
        if (path.isAbsolute()) {
          folders.add(path);
          continue;
        }
      } catch (InvalidPathException e) {
        mistake(key, folder, "a path");
        continue;
      }
      mistake(key, folder, "an absolute path");
    }
    return folders;
  }

  /** A list's values; empty if there are none. */
  public List<String> list(String key) {
    return list(key, "");
  }

  /** A list's values; otherwise those in a text, separated by commas. */
  public List<String> list(String key, String otherwise) {
    String value = text(key, otherwise);
    return value.isBlank() ? List.of() : List.of(value.split("\\s*,\\s*"));
  }

  /** Everything below a key, by the rest of the key. */
  public Map<String, String> below(String key) {
    Map<String, String> found = new LinkedHashMap<>();
    values.forEach(
        (name, value) -> {
          if (name.startsWith(key + ".")) {
            asked.add(name);
            found.put(name.substring(key.length() + 1), value);
          }
        });
    return found;
  }

  /** Notes that a value is wrong. */
  public void mistake(String key, @Nullable String value, String accepted) {
    mistakes.add(key + ": '" + (isSecret(key) ? "****" : value) + "' is not " + accepted);
  }

  /** Notes that a section as a whole is wrong. */
  public void mistake(String section, @Nullable String message) {
    mistakes.add(section + ": " + message);
  }

  /** Whether a key's value is nobody's business: it came from a file, or has such a name. */
  public boolean isSecret(String key) {
    return secrets.contains(key)
        || KafkaSettings.isSecret(key.startsWith(CLIENTS) ? key.substring(CLIENTS.length()) : key);
  }

  /** The keys asked for so far. */
  public Set<String> asked() {
    return asked;
  }

  /** Complains of every mistake, keys that nobody asked for included. */
  public void complain() throws ConfigException {
    for (String key : values.keySet()) {
      if (!asked.contains(key)) {
        mistakes.add(key + " is no key of the configuration" + nearest(key));
      }
    }
    Set<String> variables = new LinkedHashSet<>(OTHER_VARIABLES);
    asked.forEach(key -> variables.add(variable(key)));
    for (String name : environment.keySet()) {
      if (name.startsWith(PREFIX) && !variables.contains(name)) {
        mistakes.add(name + " in the environment overrides no key of the configuration");
      }
    }
    if (!mistakes.isEmpty()) {
      throw new ConfigException(mistakes);
    }
  }

  private String nearest(String key) {
    String last = lastPart(key);
    for (String known : asked) {
      if (lastPart(known).startsWith(last) || last.startsWith(lastPart(known))) {
        return "; is " + known + " meant?";
      }
    }
    return "";
  }

  private static String lastPart(String key) {
    return key.substring(key.lastIndexOf('.') + 1).toLowerCase(Locale.ROOT);
  }
}
