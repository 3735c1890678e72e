package io.fisherwatch.agent;

import io.fisherwatch.config.ConfigTree;
import io.fisherwatch.config.WebSection;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeSet;

/** Prints a configuration as YAML, with its defaults and without its secrets. */
final class ConfigPrinter {

  private final ConfigTree tree;
  private final AgentConfig config;

  ConfigPrinter(ConfigTree tree, AgentConfig config) {
    this.tree = tree;
    this.config = config;
  }

  String yaml() {
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
    if (tree.isSecret(key) && !tree.text(key, WebSection.NONE).equals(WebSection.NONE)) {
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
      case "web.names" -> new TreeSet<>(config.web().names()).toString();
      case "web.auth.openPaths" -> new TreeSet<>(config.web().access().openPaths()).toString();
      case "web.maxConnections" -> Integer.toString(config.web().limits().connections());
      case "web.maxStreams" -> Integer.toString(config.web().limits().streams());
      case "logging.format" -> config.logging().format().label();
      case "shutdown.timeout" -> seconds(config.shutdownTimeout());
      case "web.port" -> Integer.toString(config.web().port());
      case "history.points" -> Integer.toString(config.historyPoints());
      case "runs.endedRetention" -> config.endedRetention().toSeconds() + "s";
      case "runs.residentModels" -> Integer.toString(config.residentModels());
      case "state.directory" -> config.state().directory().map(Path::toString).orElse("none");
      case "state.interval" -> seconds(config.state().interval());
      case "sharding.enabled" -> Boolean.toString(config.sharding().enabled());
      case "sharding.checkpointsTopic" -> config.sharding().checkpointsTopic();
      case "sharding.sharesTopic" -> config.sharding().sharesTopic();
      case "sharding.patience" -> seconds(config.sharding().patience());
      case "sharding.publishInterval" -> seconds(config.sharding().publishInterval());
      case "estimate.whenBehind" -> tree.text(key, ConfigLoader.PROCESS_ALL);
      case "metrics.maxSeries" -> Integer.toString(config.maxSeries());
      case "estimate.estimator" -> config.estimate().estimator().label();
      case "estimate.distribution" -> config.estimate().distribution().label();
      case "estimate.seed" -> Long.toString(config.estimate().seed());
      case "estimate.decay" -> Double.toString(config.estimate().decay());
      case "estimate.cvEvery" -> Integer.toString(config.estimate().cvEvery());
      case "estimate.lowPriority" -> Boolean.toString(config.estimate().lowPriority());
      case "estimate.diagonal" -> Boolean.toString(config.estimate().diagonal());
      case "estimate.densityEvery" -> Integer.toString(config.estimate().densityEvery());
      case "estimate.targetRelativeError", "estimate.secondsPerBatch" -> tree.text(key, "none");
      default -> tree.text(key, key.startsWith("web.") ? WebSection.NONE : "auto");
    };
  }

  private static String seconds(Duration duration) {
    return duration.toMillis() / 1000.0 + "s";
  }
}
