package io.fisherwatch.state;

import io.fisherwatch.safetensors.SafetensorsReader;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.zip.CheckedOutputStream;

/** Files that are whole or not there: written beside, fsynced, renamed. */
final class DurableFiles {

  private static final int BUFFER = 1 << 20;

  private DurableFiles() {}

  /**
   * Writes a file whose name ends with its checksum.
   *
   * @param stem what comes before
   * @param suffix what comes after
   */
  static StoredFile write(Path folder, String stem, String suffix, Body body) throws IOException {
    Path part = Files.createTempFile(folder, "writing", ".part");
    try {
      Checksum sum = new Checksum();
      try (FileChannel channel = FileChannel.open(part, StandardOpenOption.WRITE);
          OutputStream out =
              new BufferedOutputStream(
                  new CheckedOutputStream(Channels.newOutputStream(channel), sum), BUFFER)) {
        body.writeTo(out);
        out.flush();
        channel.force(true);
      }
      String digest = sum.text();
      String name = stem + "-" + digest + suffix;
      StoredFile stored = new StoredFile(name, Files.size(part), digest);
      Files.move(part, folder.resolve(name), StandardCopyOption.ATOMIC_MOVE);
      return stored;
    } finally {
      Files.deleteIfExists(part);
    }
  }

  /** Writes a small file under a name, and makes the folder's entries durable. */
  static void write(Path file, byte[] content) throws IOException {
    Path folder = file.getParent();
    Path part = Files.createTempFile(folder, "writing", ".part");
    try {
      try (FileChannel channel = FileChannel.open(part, StandardOpenOption.WRITE);
          OutputStream out = Channels.newOutputStream(channel)) {
        out.write(content);
        channel.force(true);
      }
      Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
      try (FileChannel entries = FileChannel.open(folder, StandardOpenOption.READ)) {
        entries.force(true);
      }
    } finally {
      Files.deleteIfExists(part);
    }
  }

  /** The same file in another folder, without a copy where the file system can. */
  static void link(Path file, Path target) throws IOException {
    if (Files.exists(target)) {
      return;
    }
    try {
      Files.createLink(target, file);
    } catch (UnsupportedOperationException | FileSystemException e) {
      Files.copy(file, target);
    }
  }

  /**
   * Reads a file through.
   *
   * @throws IOException if it is not what was stored
   */
  static void verify(Path folder, StoredFile stored) throws IOException {
    Path file = folder.resolve(stored.name());
    if (!Files.isRegularFile(file)) {
      throw new IOException(file + " is missing");
    }
    if (Files.size(file) != stored.bytes()) {
      throw new IOException(
          file + " has " + Files.size(file) + " bytes, not " + stored.bytes() + ": it is cut");
    }
    String digest =
        stored.digest().length() == Checksum.DIGITS
            ? Checksum.of(file)
            : SafetensorsReader.sha256(file);
    if (!digest.equals(stored.digest())) {
      throw new IOException(file + " is damaged: its digest does not match");
    }
  }
}
