package io.fisherwatch.agent;

import io.fisherwatch.config.ConfigTree;
import java.util.LinkedHashSet;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;

/** Reads the section {@code files} of the configuration. */
final class FilesSection {

  private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");
  private static final long MOST = 1L << 50;

  private FilesSection() {}

  static FilesConfig read(ConfigTree tree) {
    return new FilesConfig(
        tree.folders("files.roots"),
        graphs(tree),
        trustedGraphs(tree),
        tree.number("files.maxGraphBytes", 8L << 30, 1, MOST),
        tree.number("files.maxWeightsBytes", 256L << 30, 1, MOST),
        tree.number("files.maxBatchBytes", 256L << 20, 1, FilesConfig.MOST_BATCH_BYTES),
        new FilesConfig.ProbeLimits(
            (int) tree.number("files.probe.seconds", 60, 1, 86_400),
            tree.number("files.probe.memoryBytes", 4L << 30, 1L << 28, MOST)));
  }

  private static FilesConfig.Graphs graphs(ConfigTree tree) {
    String label = tree.text("files.graphs", FilesConfig.Graphs.EXAMINED.label());
    if (FilesConfig.Graphs.of(label).isEmpty()) {
      tree.mistake("files.graphs", label, "examined or trusted-only");
    }
    return FilesConfig.Graphs.of(label).orElse(FilesConfig.Graphs.EXAMINED);
  }

  private static Set<String> trustedGraphs(ConfigTree tree) {
    Set<String> trusted = new LinkedHashSet<>();
    for (String digest : tree.list("files.trustedGraphs")) {
      String lower = digest.toLowerCase(Locale.ROOT);
      if (SHA256.matcher(lower).matches()) {
        trusted.add(lower);
      } else {
        tree.mistake("files.trustedGraphs", digest, "a SHA-256 of 64 hexadecimal digits");
      }
    }
    return trusted;
  }
}
