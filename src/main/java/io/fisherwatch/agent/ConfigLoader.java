package io.fisherwatch.agent;

import io.fisherwatch.kafka.KafkaSettings;
import io.fisherwatch.likelihood.Distribution;
import io.fisherwatch.monitor.EstimatorKind;
import io.fisherwatch.monitor.EstimatorSettings;
import io.fisherwatch.web.WebSettings;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.format.DateTimeParseException;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;

/** Reads and validates a configuration. */
public final class ConfigLoader {

  /** Names of client properties whose values are nobody's business. */
  private static final String SECRET =
      ".*(password|secret|token|jaas|credential|ssl\\.[a-z]+\\.key).*";

  private static final String PROCESS_ALL = "process-all";

  private final ConfigTree tree;
  private final AgentConfig config;

  private ConfigLoader(ConfigTree tree) {
    this.tree = tree;
    this.config = read();
  }

  /**
   * Loads a file, with the environment's {@code FISHERWATCH_…} variables laid over it.
   *
   * @throws ConfigException with every mistake
   */
  public static AgentConfig load(Path file, Map<String, String> environment)
      throws ConfigException {
    return loader(file, environment).config;
  }

  /** As {@link #load}, as YAML with its defaults, secrets masked. */
  public static String print(Path file, Map<String, String> environment) throws ConfigException {
    return loader(file, environment).yaml();
  }

  private static ConfigLoader loader(Path file, Map<String, String> environment)
      throws ConfigException {
    ConfigTree tree = ConfigTree.read(file, environment);
    ConfigLoader loader = new ConfigLoader(tree);
    tree.complain();
    return loader;
  }

  /** What holds where no file says otherwise. */
  public static AgentConfig defaults() {
    return new ConfigLoader(ConfigTree.empty()).config;
  }

  /** Every key, but for those of Kafka's clients. */
  static Set<String> keys() {
    return new TreeSet<>(new ConfigLoader(ConfigTree.empty()).tree.asked());
  }

  private AgentConfig read() {
    return new AgentConfig(
        kafka(),
        FilesSection.read(tree),
        device(),
        (int) tree.number("threads", 0, 0, 1024),
        estimate(),
        new WebSettings(
            tree.text("web.host", "127.0.0.1"), (int) tree.number("web.port", 8088, 0, 65535)),
        (int) tree.number("history.points", 2000, 4, 1_000_000),
        duration("runs.endedRetention", Duration.ofHours(24)),
        (int) tree.number("metrics.maxSeries", 20_000, 100, 10_000_000),
        (int) tree.number("runs.residentModels", 16, 1, 100_000),
        state());
  }

  private KafkaSettings kafka() {
    String topic = tree.text("kafka.topic", "training-events");
    String servers = tree.text("kafka.bootstrapServers", "localhost:9092");
    String deadLetters = tree.text("kafka.deadLetterTopic", topic + ".dlq");
    String group = tree.text("kafka.groupId", "fisherwatch");
    try {
      return new KafkaSettings(servers, topic, deadLetters, group, tree.below("kafka.properties"));
    } catch (IllegalArgumentException e) {
      tree.mistake("kafka", e.getMessage());
      return new KafkaSettings("unusable", "unusable", "unusable.dlq", "unusable", Map.of());
    }
  }

  private String device() {
    String device = tree.text("device", "auto");
    if (!device.matches("auto|cpu|cuda(:\\d{1,3})?")) {
      tree.mistake("device", device, "auto, cpu or cuda:N");
    }
    return device;
  }

  private AgentConfig.EstimateConfig estimate() {
    String estimator = tree.text("estimate.estimator", "deflated");
    String distribution = tree.text("estimate.distribution", "rademacher");
    if (EstimatorKind.of(estimator).isEmpty()) {
      tree.mistake(
          "estimate.estimator", estimator, "one of deflated, hutchinson, monte-carlo, exact");
    }
    if (Distribution.of(distribution).isEmpty()) {
      tree.mistake("estimate.distribution", distribution, "rademacher or gaussian");
    }
    return new AgentConfig.EstimateConfig(
        EstimatorKind.of(estimator).orElse(EstimatorKind.DEFLATED),
        count("estimate.rank", 0),
        count("estimate.probes", 1),
        microBatch(),
        Distribution.of(distribution).orElse(Distribution.RADEMACHER),
        tree.number("estimate.seed", 0, Long.MIN_VALUE, Long.MAX_VALUE),
        tree.real("estimate.decay", 0.5, 0, 1),
        limit("estimate.targetRelativeError"),
        limit("estimate.secondsPerBatch"),
        (int) tree.number("estimate.cvEvery", 20, 0, 1_000_000),
        tree.flag("estimate.diagonal", true),
        (int) tree.number("estimate.densityEvery", 1, 1, 1_000_000),
        latestOnly(),
        tree.flag("estimate.lowPriority", false));
  }

  private boolean latestOnly() {
    String policy = tree.text("estimate.whenBehind", PROCESS_ALL);
    if (!policy.equals(PROCESS_ALL) && !policy.equals("latest")) {
      tree.mistake("estimate.whenBehind", policy, "process-all or latest");
    }
    return policy.equals("latest");
  }

  private AgentConfig.StateConfig state() {
    String directory = tree.text("state.directory", "state");
    Duration interval = duration("state.interval", Duration.ofSeconds(30));
    if (directory.equals("none")) {
      return new AgentConfig.StateConfig(Optional.empty(), interval);
    }
    try {
      return new AgentConfig.StateConfig(Optional.of(Path.of(directory)), interval);
    } catch (InvalidPathException e) {
      tree.mistake("state.directory", directory, "a path, or none");
      return new AgentConfig.StateConfig(Optional.empty(), interval);
    }
  }

  private OptionalInt microBatch() {
    if (tree.text("estimate.microBatch", "auto").equals("whole")) {
      return OptionalInt.of(EstimatorSettings.WHOLE);
    }
    return count("estimate.microBatch", 1);
  }

  private OptionalDouble limit(String key) {
    String value = tree.text(key, "none");
    if (value.equals("none")) {
      return OptionalDouble.empty();
    }
    try {
      double limit = Double.parseDouble(value);
      if (limit > 0 && limit < 1e9) {
        return OptionalDouble.of(limit);
      }
    } catch (NumberFormatException e) {
      tree.mistake(key, value, "a number above 0, or none");
      return OptionalDouble.empty();
    }
    tree.mistake(key, value, "above 0");
    return OptionalDouble.empty();
  }

  private OptionalInt count(String key, int least) {
    String value = tree.text(key, "auto");
    if (value.equals("auto")) {
      return OptionalInt.empty();
    }
    try {
      int number = Integer.parseInt(value);
      if (number >= least) {
        return OptionalInt.of(number);
      }
    } catch (NumberFormatException e) {
      tree.mistake(key, value, "a whole number, or auto");
      return OptionalInt.empty();
    }
    tree.mistake(key, value, "at least " + least);
    return OptionalInt.empty();
  }

  private Duration duration(String key, Duration otherwise) {
    String value = tree.text(key, otherwise.toSeconds() + "s");
    try {
      Duration duration = Duration.parse("PT" + value.toUpperCase(Locale.ROOT));
      if (!duration.isNegative()) {
        return duration;
      }
    } catch (DateTimeParseException e) {
      tree.mistake(key, value, "a time such as 90s, 30m or 24h");
      return otherwise;
    }
    tree.mistake(key, value, "a time such as 90s, 30m or 24h");
    return otherwise;
  }

  private String yaml() {
    Map<String, Map<String, String>> sections = new LinkedHashMap<>();
    for (String key : tree.asked()) {
      int dot = key.indexOf('.');
      String section = dot < 0 ? "" : key.substring(0, dot);
      sections
          .computeIfAbsent(section, any -> new LinkedHashMap<>())
          .put(key.substring(dot + 1), shown(key));
    }
    StringBuilder yaml = new StringBuilder();
    sections.forEach(
        (section, keys) -> {
          if (!section.isEmpty()) {
            yaml.append(section).append(":\n");
          }
          String indent = section.isEmpty() ? "" : "  ";
          keys.forEach(
              (key, value) ->
                  yaml.append(indent).append(key).append(": ").append(value).append('\n'));
        });
    return yaml.toString();
  }

  /** The value in force, as the record has it where that knows better than the file. */
  private String shown(String key) {
    if (tree.secrets().contains(key) || key.toLowerCase(Locale.ROOT).matches(SECRET)) {
      return "'****'";
    }
    return switch (key) {
      case "kafka.bootstrapServers" -> config.kafka().bootstrapServers();
      case "kafka.topic" -> config.kafka().topic();
      case "kafka.deadLetterTopic" -> config.kafka().deadLetterTopic();
      case "kafka.groupId" -> config.kafka().groupId();
      case "files.roots" -> config.files().roots().toString();
      case "files.graphs" -> config.files().graphs().label();
      case "files.trustedGraphs" -> new TreeSet<>(config.files().trustedGraphs()).toString();
      case "files.maxGraphBytes" -> Long.toString(config.files().maxGraphBytes());
      case "files.maxWeightsBytes" -> Long.toString(config.files().maxWeightsBytes());
      case "files.maxBatchBytes" -> Long.toString(config.files().maxBatchBytes());
      case "files.probe.seconds" -> Integer.toString(config.files().probe().seconds());
      case "files.probe.memoryBytes" -> Long.toString(config.files().probe().memoryBytes());
      case "device" -> config.device();
      case "threads" -> Integer.toString(config.threads());
      case "web.host" -> config.web().host();
      case "web.port" -> Integer.toString(config.web().port());
      case "history.points" -> Integer.toString(config.historyPoints());
      case "runs.endedRetention" -> config.endedRetention().toSeconds() + "s";
      case "runs.residentModels" -> Integer.toString(config.residentModels());
      case "state.directory" -> config.state().directory().map(Path::toString).orElse("none");
      case "state.interval" -> config.state().interval().toMillis() / 1000.0 + "s";
      case "estimate.whenBehind" -> tree.text(key, PROCESS_ALL);
      case "metrics.maxSeries" -> Integer.toString(config.maxSeries());
      case "estimate.estimator" -> config.estimate().estimator().label();
      case "estimate.distribution" -> config.estimate().distribution().label();
      case "estimate.seed" -> Long.toString(config.estimate().seed());
      case "estimate.decay" -> Double.toString(config.estimate().decay());
      case "estimate.cvEvery" -> Integer.toString(config.estimate().cvEvery());
      case "estimate.diagonal" -> Boolean.toString(config.estimate().diagonal());
      case "estimate.lowPriority" -> Boolean.toString(config.estimate().lowPriority());
      case "estimate.densityEvery" -> Integer.toString(config.estimate().densityEvery());
      case "estimate.targetRelativeError", "estimate.secondsPerBatch" -> tree.text(key, "none");
      default -> tree.text(key, "auto");
    };
  }
}
