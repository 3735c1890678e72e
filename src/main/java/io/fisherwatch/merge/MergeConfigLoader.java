package io.fisherwatch.merge;

import io.fisherwatch.config.ConfigException;
import io.fisherwatch.config.ConfigTree;
import io.fisherwatch.config.LoggingConfig;
import io.fisherwatch.config.WebSection;
import io.fisherwatch.kafka.Connection;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;

/** Reads and validates the configuration of the merge. */
public final class MergeConfigLoader {

  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9._-]{1,249}");
  private static final String A_NAME = "1 to 249 letters, digits, '.', '_' or '-'";

  private final ConfigTree tree;
  private final MergeConfig config;

  private MergeConfigLoader(ConfigTree tree) {
    this.tree = tree;
    this.config = read();
  }

  /**
   * Loads a file, with the environment's {@code FISHERWATCH_…} variables laid over it.
   *
   * @throws ConfigException with every mistake
   */
  public static MergeConfig load(Path file, Map<String, String> environment)
      throws ConfigException {
    ConfigTree tree = ConfigTree.read(file, environment);
    MergeConfigLoader loader = new MergeConfigLoader(tree);
    tree.complain();
    return loader.config;
  }

  /** What holds where no file says otherwise. */
  public static MergeConfig defaults() {
    return new MergeConfigLoader(ConfigTree.empty()).config;
  }

  /** Every key, but for those of Kafka's clients. */
  static Set<String> keys() {
    return new TreeSet<>(new MergeConfigLoader(ConfigTree.empty()).tree.asked());
  }

  private MergeConfig read() {
    return new MergeConfig(
        kafka(),
        merging(),
        tree.folders("files.roots"),
        WebSection.read(tree),
        (int) tree.number("history.points", 2000, 4, 1_000_000),
        (int) tree.number("metrics.maxSeries", 20_000, 100, 10_000_000),
        LoggingConfig.read(tree),
        tree.duration("shutdown.timeout", Duration.ofSeconds(25)));
  }

  private Connection kafka() {
    String servers = tree.text("kafka.bootstrapServers", "localhost:9092");
    try {
      return new Connection(servers, tree.below("kafka.properties"));
    } catch (IllegalArgumentException e) {
      tree.mistake("kafka", e.getMessage());
      return new Connection("unusable", Map.of());
    }
  }

  private MergeConfig.Merging merging() {
    String shares = name("merge.sharesTopic", "training-events-shares");
    String topic = tree.text("merge.topic", WebSection.NONE);
    boolean published = !topic.equals(WebSection.NONE);
    if (published && topic.equals(shares)) {
      tree.mistake("merge.topic", topic, "another topic than merge.sharesTopic");
    }
    return new MergeConfig.Merging(
        name("merge.applicationId", "fisherwatch-merge"),
        shares,
        published ? Optional.of(name("merge.topic", WebSection.NONE)) : Optional.empty(),
        folder("merge.diagonals"),
        tree.duration("merge.diagonalInterval", Duration.ofMinutes(1)),
        tree.duration("merge.endedRetention", Duration.ofHours(24)));
  }

  private String name(String key, String otherwise) {
    String name = tree.text(key, otherwise);
    if (!NAME.matcher(name).matches()) {
      tree.mistake(key, name, A_NAME);
    }
    return name;
  }

  private Optional<Path> folder(String key) {
    String folder = tree.text(key, WebSection.NONE);
    if (folder.equals(WebSection.NONE)) {
      return Optional.empty();
    }
    try {
      return Optional.of(Path.of(folder));
    } catch (InvalidPathException e) {
      tree.mistake(key, folder, "a path, or none");
      return Optional.empty();
    }
  }
}
