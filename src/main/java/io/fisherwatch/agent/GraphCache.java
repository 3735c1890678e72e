package io.fisherwatch.agent;

import io.fisherwatch.djl.GraphExaminer;
import io.fisherwatch.event.FileReference;
import io.fisherwatch.event.LogitsSelector;
import io.fisherwatch.event.RejectedEventException;
import io.fisherwatch.files.FileRoots;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.safetensors.Digests;
import io.fisherwatch.safetensors.HostTensor;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Private copies of graphs that may be loaded, each under its SHA-256, and what was wrong with
 * those that may not. Thread-safe.
 *
 * <p>A graph is hashed while it is copied, and loaded from the copy: what is loaded is what was
 * hashed, whatever the trainer does to its file. A digest in the same event proves integrity, not
 * trust. So a graph that is not on the operator's list is examined, and tried in a child process:
 * loaded there before it is loaded here, and run there on the first batch before it is run here.
 */
final class GraphCache {

  private static final Logger LOG = LoggerFactory.getLogger(GraphCache.class);

  /** Copies kept; one that was let go is copied and examined again. */
  private static final int MOST_COPIES = 32;

  /** Batches in a row on which a graph may fail to run before it is refused for good. */
  private static final int MOST_FAILURES = 10;

  private static final int MOST_REFUSALS = 1_000;

  private final Path folder;
  private final FilesConfig config;
  private final FileRoots roots;
  private final GraphProbe probe;
  private final Map<String, Graph> graphs = new LinkedHashMap<>(16, 0.75f, true);
  private final Map<String, RejectedEventException> refusals = new LinkedHashMap<>();
  private final Map<String, Integer> failures = new HashMap<>();
  private final Set<Rehearsal> rehearsed = new HashSet<>();

  /**
   * @param folder an existing folder that nobody else writes to
   */
  GraphCache(Path folder, FilesConfig config, FileRoots roots) {
    this.folder = folder;
    this.config = config;
    this.roots = roots;
    this.probe = new GraphProbe(folder, config.probe());
  }

  /** A copy with the digest of the bytes that it was made from. */
  record Graph(Path file, String sha256) {}

  /** A graph and which of its outputs was asked for. */
  private record Rehearsal(String sha256, LogitsSelector logits) {}

  /**
   * A copy that may be loaded; a graph whose digest is known is not read again.
   *
   * @throws RejectedEventException {@code digest-mismatch}, {@code graph-too-large}, {@code
   *     untrusted-graph}, {@code graph-probe-failed}, why it cannot be loaded, or why the file
   *     cannot be had
   */
  synchronized Graph get(FileReference reference) throws RejectedEventException {
    if (reference.sha256().isPresent()) {
      Optional<Graph> known = find(reference.sha256().get());
      if (known.isPresent()) {
        return known.get();
      }
    }
    Path part = folder.resolve("graph.part");
    try {
      String digest = copy(reference, part);
      Optional<Graph> known = find(digest);
      return known.isPresent() ? known.get() : admit(part, digest);
    } catch (IOException e) {
      throw new UncheckedIOException("a graph cannot be copied to " + folder, e);
    } finally {
      deleteIfExists(part);
    }
  }

  /**
   * Before a graph is run here for the first time: runs it in a child process, unless it is
   * trusted.
   *
   * @param inputs of the first batch, in the order of the graph's arguments
   * @throws RejectedEventException {@code graph-probe-failed}, which stays with the graph, or why
   *     it cannot be run on this batch
   */
  synchronized void rehearse(String sha256, LogitsSelector logits, List<HostTensor> inputs)
      throws RejectedEventException {
    Rehearsal rehearsal = new Rehearsal(sha256, logits);
    if (config.trustedGraphs().contains(sha256) || rehearsed.contains(rehearsal)) {
      return;
    }
    Graph graph =
        find(sha256)
            .orElseThrow(
                () ->
                    new RejectedEventException(
                        "checkpoint-unavailable",
                        "too many graphs came since this one; the run's next checkpoint brings it"
                            + " back"));
    try {
      probe.run(graph.file(), logits, inputs);
    } catch (RejectedEventException e) {
      // a graph that runs on no batch would cost a child process for each
      if (e.code().equals(GraphProbe.FAILED)
          || failures.merge(sha256, 1, Integer::sum) >= MOST_FAILURES) {
        failures.remove(sha256);
        refuse(sha256, e);
      }
      throw e;
    }
    failures.remove(sha256);
    rehearsed.add(rehearsal);
  }

  /** The copy of a digest, if there is one and nothing is known against it. */
  private Optional<Graph> find(String sha256) throws RejectedEventException {
    RejectedEventException refusal = refusals.get(sha256);
    if (refusal != null) {
      throw new RejectedEventException(
          refusal.code(), String.valueOf(refusal.getMessage()), refusal);
    }
    return Optional.ofNullable(graphs.get(sha256));
  }

  private String copy(FileReference reference, Path part)
      throws RejectedEventException, IOException {
    MessageDigest digest = Digests.newSha256();
    try (FileChannel in =
            roots.open(reference, "graph", config.maxGraphBytes(), "files.maxGraphBytes");
        OutputStream out = new DigestOutputStream(Files.newOutputStream(part), digest)) {
      FileRoots.copy(in, out, config.maxGraphBytes());
    }
    String found = HexFormat.of().formatHex(digest.digest());
    requireDigest(reference, found);
    return found;
  }

  /** Makes a copy that may be loaded, or remembers why there is none. */
  private Graph admit(Path part, String sha256) throws RejectedEventException, IOException {
    Path copy = folder.resolve(sha256 + ".pt");
    if (config.trustedGraphs().contains(sha256)) {
      Files.move(part, copy, StandardCopyOption.ATOMIC_MOVE);
    } else {
      boolean admitted = false;
      try {
        examine(part, copy, sha256);
        admitted = true;
      } catch (RejectedEventException e) {
        refuse(sha256, e);
        throw e;
      } finally {
        if (!admitted) {
          deleteIfExists(copy);
        }
      }
    }
    Graph graph = new Graph(copy, sha256);
    graphs.put(sha256, graph);
    forgetOldest();
    return graph;
  }

  private void examine(Path part, Path copy, String sha256)
      throws RejectedEventException, IOException {
    if (config.graphs() == FilesConfig.Graphs.TRUSTED_ONLY) {
      throw new RejectedEventException(
          "untrusted-graph",
          "the graph's SHA-256 "
              + sha256
              + " is not on the list files.trustedGraphs, and files.graphs is trusted-only");
    }
    long start = System.nanoTime();
    try {
      GraphExaminer.copyExamined(part, copy, config.maxGraphBytes());
    } catch (ModelException e) {
      throw new RejectedEventException(
          e.code(), e.getMessage() + " (its SHA-256 is " + sha256 + ")", e);
    }
    probe.load(copy);
    LOG.info(
        "graph {} is harmless as far as can be seen, and loads: examined in {} ms",
        sha256,
        (System.nanoTime() - start) / 1_000_000);
  }

  private void refuse(String sha256, RejectedEventException refusal) {
    refusals.put(sha256, refusal);
    if (refusals.size() > MOST_REFUSALS) {
      refusals.remove(refusals.keySet().iterator().next());
    }
  }

  private void forgetOldest() {
    if (graphs.size() > MOST_COPIES) {
      Graph oldest = graphs.values().iterator().next();
      graphs.remove(oldest.sha256());
      failures.remove(oldest.sha256());
      rehearsed.removeIf(rehearsal -> rehearsal.sha256().equals(oldest.sha256()));
      deleteIfExists(oldest.file());
    }
  }

  private void deleteIfExists(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      throw new UncheckedIOException(file + " cannot be removed", e);
    }
  }

  /**
   * Compares a digest with what the event says.
   *
   * @throws RejectedEventException {@code digest-mismatch}
   */
  static void requireDigest(FileReference reference, String found) throws RejectedEventException {
    if (reference.sha256().isPresent() && !reference.sha256().get().equals(found)) {
      throw new RejectedEventException(
          "digest-mismatch",
          reference.uri() + " has the SHA-256 " + found + ", not " + reference.sha256().get());
    }
  }
}
