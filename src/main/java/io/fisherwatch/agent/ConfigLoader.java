package io.fisherwatch.agent;

import io.fisherwatch.config.ConfigException;
import io.fisherwatch.config.ConfigTree;
import io.fisherwatch.config.LoggingConfig;
import io.fisherwatch.config.WebSection;
import io.fisherwatch.kafka.KafkaSettings;
import io.fisherwatch.likelihood.Distribution;
import io.fisherwatch.monitor.EstimatorKind;
import io.fisherwatch.monitor.EstimatorSettings;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;

/** Reads and validates a configuration. */
public final class ConfigLoader {

  static final String PROCESS_ALL = "process-all";

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
    ConfigLoader loader = loader(file, environment);
    return new ConfigPrinter(loader.tree, loader.config).yaml();
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
    KafkaSettings kafka = kafka();
    AgentConfig.StateConfig state = state();
    return new AgentConfig(
        kafka,
        FilesSection.read(tree),
        device(),
        (int) tree.number("threads", 0, 0, 1024),
        estimate(),
        WebSection.read(tree),
        (int) tree.number("history.points", 2000, 4, 1_000_000),
        duration("runs.endedRetention", Duration.ofHours(24)),
        (int) tree.number("metrics.maxSeries", 20_000, 100, 10_000_000),
        (int) tree.number("runs.residentModels", 16, 1, 100_000),
        state,
        LoggingConfig.read(tree),
        duration("shutdown.timeout", Duration.ofSeconds(25)),
        sharding(kafka.topic(), state.directory().isPresent()));
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

  private ShardingConfig sharding(String topic, boolean hasState) {
    ShardingConfig usual = ShardingConfig.usual(false, topic);
    Duration patience = duration("sharding.patience", usual.patience());
    Duration interval = duration("sharding.publishInterval", usual.publishInterval());
    return ShardingConfig.read(tree, topic, hasState, patience, interval);
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
    return tree.duration(key, otherwise);
  }
}
