package io.fisherwatch.agent;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A folder of our own for files in passing. A process that was killed leaves its one behind: the
 * next one removes it, known by a lock that nobody holds any more.
 */
final class ScratchFolder implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(ScratchFolder.class);
  private static final String PREFIX = "fisherwatch-scratch-";
  private static final String LOCK = "lock";

  /**
   * Those of this process. They are not even looked at: closing a second channel on a file gives up
   * every lock that the process holds on it.
   */
  private static final Set<Path> OURS = ConcurrentHashMap.newKeySet();

  private final Path path;
  private final FileChannel lock;

  private ScratchFolder(Path path, FileChannel lock) {
    this.path = path;
    this.lock = lock;
  }

  /** Makes one, and removes what others left. */
  static ScratchFolder create() throws IOException {
    Path path = Files.createTempDirectory(PREFIX).toAbsolutePath();
    OURS.add(path);
    Path parent = path.getParent();
    FileChannel channel =
        FileChannel.open(
            path.resolve(LOCK), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    channel.lock(); // until the channel is closed, or the process ends
    if (parent != null) {
      removeLeft(parent);
    }
    return new ScratchFolder(path, channel);
  }

  Path path() {
    return path;
  }

  private static void removeLeft(Path parent) throws IOException {
    List<Path> others;
    try (Stream<Path> entries = Files.list(parent)) {
      others =
          entries
              .filter(entry -> String.valueOf(entry.getFileName()).startsWith(PREFIX))
              .filter(entry -> !OURS.contains(entry))
              .filter(entry -> Files.isRegularFile(entry.resolve(LOCK)))
              .toList();
    }
    for (Path other : others) {
      try {
        removeIfLeft(other);
      } catch (IOException e) {
        LOG.debug("{} is not ours to remove: {}", other, e.toString());
      }
    }
  }

  private static void removeIfLeft(Path folder) throws IOException {
    try (FileChannel channel = FileChannel.open(folder.resolve(LOCK), StandardOpenOption.WRITE)) {
      FileLock held = channel.tryLock();
      if (held != null) {
        remove(folder);
      }
    }
  }

  private static void remove(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(file);
      }
    }
  }

  @Override
  public void close() throws IOException {
    remove(path);
    lock.close();
    OURS.remove(path);
  }
}
