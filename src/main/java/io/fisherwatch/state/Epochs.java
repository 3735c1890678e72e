package io.fisherwatch.state;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The epochs of one partition, a folder each. An owner claims the next one by making its folder,
 * which only one can, and writes only there; so that an owner which was stopped and wakes up cannot
 * overwrite what its successor wrote.
 */
final class Epochs {

  private static final Pattern FOLDER = Pattern.compile("epoch-(\\d{10,18})");
  private static final Pattern SNAPSHOT = Pattern.compile("snapshot-(\\d{10,18})\\.json");

  private Epochs() {}

  static Path folder(Path partition, long epoch) {
    return partition.resolve("epoch-%010d".formatted(epoch));
  }

  /**
   * Makes the next epoch's folder. The first is the time of the partition's folder, in seconds:
   * whoever compares epochs takes those of a state that was begun anew for later ones.
   */
  static long claim(Path partition) throws IOException {
    Files.createDirectories(partition);
    long next = 0;
    boolean ours = false;
    while (!ours) {
      long before = highest(partition);
      next = before == 0 ? Math.max(1, secondsOf(partition)) : before + 1;
      ours = make(folder(partition, next)); // else somebody was faster: the one after
    }
    return next;
  }

  private static long secondsOf(Path folder) throws IOException {
    return Files.getLastModifiedTime(folder).to(TimeUnit.SECONDS);
  }

  private static boolean make(Path folder) throws IOException {
    try {
      Files.createDirectory(folder);
      return true;
    } catch (FileAlreadyExistsException e) {
      return false;
    }
  }

  /** The highest epoch; 0 if there is none. */
  static long highest(Path partition) throws IOException {
    List<Long> all = all(partition);
    return all.isEmpty() ? 0 : all.get(0);
  }

  /** Every epoch, the highest first. */
  static List<Long> all(Path partition) throws IOException {
    return numbers(partition, FOLDER);
  }

  /** The snapshots in an epoch's folder, the latest first; none of a folder that is gone. */
  static List<Path> snapshots(Path epoch) throws IOException {
    try {
      List<Path> files = new ArrayList<>();
      for (long generation : numbers(epoch, SNAPSHOT)) {
        files.add(epoch.resolve("snapshot-%010d.json".formatted(generation)));
      }
      return files;
    } catch (NoSuchFileException e) {
      return List.of();
    }
  }

  /** Removes an epoch's folder. */
  static void remove(Path epoch) throws IOException {
    try (Stream<Path> files = Files.walk(epoch)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(file);
      }
    }
  }

  private static List<Long> numbers(Path folder, Pattern pattern) throws IOException {
    try (Stream<Path> entries = Files.list(folder)) {
      return entries
          .map(entry -> pattern.matcher(String.valueOf(entry.getFileName())))
          .filter(Matcher::matches)
          .map(matcher -> Long.valueOf(matcher.group(1)))
          .sorted(Comparator.reverseOrder())
          .toList();
    }
  }
}
