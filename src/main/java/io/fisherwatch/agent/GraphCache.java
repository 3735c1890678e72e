package io.fisherwatch.agent;

import io.fisherwatch.event.RejectedEventException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Optional;

/**
 * Private copies of graphs, each under its SHA-256. A graph is hashed while it is copied, and
 * loaded from the copy: what is loaded is what was hashed, whatever the trainer does to its file.
 */
final class GraphCache {

  private final Path folder;

  /**
   * @param folder an existing folder that nobody else writes to
   */
  GraphCache(Path folder) {
    this.folder = folder;
  }

  /** A copy with the digest of its bytes. */
  record Graph(Path file, String sha256) {}

  /** The copy of a digest, if it has been made before. */
  Optional<Graph> find(Optional<String> sha256) {
    return sha256
        .map(digest -> new Graph(folder.resolve(digest + ".pt"), digest))
        .filter(graph -> Files.exists(graph.file()));
  }

  /**
   * Copies a graph.
   *
   * @param expected the digest that it must have
   * @throws RejectedEventException {@code digest-mismatch}, or {@code file-not-found} if it cannot
   *     be read
   */
  Graph copy(Path source, Optional<String> expected) throws RejectedEventException {
    try {
      Path part = Files.createTempFile(folder, "graph", ".part");
      try {
        String digest = copyHashing(source, part);
        if (expected.isPresent() && !expected.get().equals(digest)) {
          throw new RejectedEventException(
              "digest-mismatch", source + " has the SHA-256 " + digest + ", not " + expected.get());
        }
        Path cached = folder.resolve(digest + ".pt");
        if (!Files.exists(cached)) {
          Files.move(part, cached, StandardCopyOption.ATOMIC_MOVE);
        }
        return new Graph(cached, digest);
      } finally {
        Files.deleteIfExists(part);
      }
    } catch (FileAlreadyExistsException e) {
      throw new IllegalStateException("the graph cache " + folder + " is not ours alone", e);
    } catch (IOException e) {
      throw new RejectedEventException(
          "file-not-found", source + " cannot be read: " + e.getMessage(), e);
    }
  }

  private static String copyHashing(Path source, Path target) throws IOException {
    MessageDigest digest = sha256();
    try (InputStream in = new DigestInputStream(Files.newInputStream(source), digest);
        OutputStream out = Files.newOutputStream(target)) {
      in.transferTo(out);
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  /** A new SHA-256. */
  static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }
}
