package io.fisherwatch.agent;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Which files events may name, and how far they are trusted.
 *
 * @param roots folders under which they lie, links followed
 * @param graphs what becomes of graphs that are not on the list
 * @param trustedGraphs the list: SHA-256 digests of graphs that are loaded unexamined
 * @param maxGraphBytes the largest graph, packed and unpacked
 * @param maxWeightsBytes the largest file of weights
 * @param maxBatchBytes the largest file of a batch, which is read into memory
 * @param probe limits of the child process that runs an examined graph first
 */
public record FilesConfig(
    List<Path> roots,
    Graphs graphs,
    Set<String> trustedGraphs,
    long maxGraphBytes,
    long maxWeightsBytes,
    long maxBatchBytes,
    ProbeLimits probe) {

  /** The largest {@code maxBatchBytes}: what one array holds. */
  static final long MOST_BATCH_BYTES = Integer.MAX_VALUE - 8L;

  public FilesConfig {
    roots = List.copyOf(roots);
    trustedGraphs = Set.copyOf(trustedGraphs);
  }

  /** The same with other roots, and with one more graph that is trusted. */
  public FilesConfig with(List<Path> otherRoots, String trustedGraph) {
    Set<String> trusted = new java.util.HashSet<>(trustedGraphs);
    trusted.add(trustedGraph);
    return new FilesConfig(
        otherRoots, graphs, trusted, maxGraphBytes, maxWeightsBytes, maxBatchBytes, probe);
  }

  /** What becomes of graphs that are not on the list. */
  public enum Graphs {
    /** Examined, tried in a child process, and loaded if nothing is wrong with them. */
    EXAMINED("examined"),
    /** Refused. */
    TRUSTED_ONLY("trusted-only");

    private final String label;

    Graphs(String label) {
      this.label = label;
    }

    /** The word in the configuration. */
    public String label() {
      return label;
    }

    static Optional<Graphs> of(String label) {
      return List.of(values()).stream().filter(value -> value.label.equals(label)).findFirst();
    }
  }

  /**
   * Limits of a child process.
   *
   * @param seconds that it may take by the clock; twice as many of the processor's
   * @param memoryBytes that it may hold
   */
  public record ProbeLimits(int seconds, long memoryBytes) {}
}
