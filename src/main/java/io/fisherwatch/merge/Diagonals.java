package io.fisherwatch.merge;

import io.fisherwatch.files.FileRoots;
import io.fisherwatch.files.RejectedPathException;
import io.fisherwatch.monitor.DiagonalMerge;
import io.fisherwatch.monitor.DiagonalPart;
import io.fisherwatch.safetensors.SafetensorsReader;
import io.fisherwatch.share.DiagonalReference;
import io.fisherwatch.share.MergedRun;
import io.fisherwatch.share.ShareStamp;
import io.fisherwatch.snapshot.DiagonalFigure;
import io.fisherwatch.snapshot.DiagonalSource;
import io.fisherwatch.snapshot.Estimate;
import io.fisherwatch.snapshot.TraceFigure;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The merged diagonals: now and then, on a thread of its own, those of a run's parts are read from
 * their state files, merged and written to a file of the run. A part whose file cannot be read
 * leaves the run's diagonal as it was. Safe for many threads.
 */
final class Diagonals implements DiagonalSource, AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Diagonals.class);
  private static final int BUFFER = 1 << 16;
  private static final long FIRST_MILLIS = 2_000;

  private final Path folder;
  private final FileRoots roots;
  private final MergedRuns merged;
  private final int chunkEntries;
  private final ScheduledExecutorService timer =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread thread = new Thread(task, "fisherwatch-diagonals");
            thread.setDaemon(true);
            return thread;
          });

  /** What each run's file was made of. */
  private final Map<String, Made> made = new HashMap<>();

  private final Map<String, String> problems = new TreeMap<>();

  /** A state file and the factor on the weight of everything in it. */
  private record Aged(String uri, double factor) {}

  private record Made(int attempt, List<Aged> parts) {}

  private Diagonals(Path folder, FileRoots roots, MergedRuns merged, int chunkEntries) {
    this.folder = folder;
    this.roots = roots;
    this.merged = merged;
    this.chunkEntries = chunkEntries;
  }

  /**
   * Diagonals in a folder, which is made if it is not there.
   *
   * @param roots under which state files may lie
   * @param chunkEntries entries of a diagonal in memory at most
   */
  static Diagonals in(Path folder, FileRoots roots, MergedRuns merged, int chunkEntries)
      throws IOException {
    Files.createDirectories(folder);
    return new Diagonals(folder, roots, merged, chunkEntries);
  }

  /** Looks after all runs from now on, so long after each look. */
  void every(long millis) {
    var unused =
        timer.scheduleWithFixedDelay(
            this::look, Math.min(millis, FIRST_MILLIS), Math.max(1, millis), TimeUnit.MILLISECONDS);
  }

  /** Merges the diagonals of the runs of which a part has another file, or another age. */
  void look() {
    List<MergedRun> runs = merged.all();
    forgetOthers(runs);
    for (MergedRun run : runs) {
      String name = run.snapshot().run();
      List<Aged> parts = aged(run.stamps());
      Made wanted = new Made(run.snapshot().attempt(), parts);
      if (parts.isEmpty() || known(name).filter(wanted::equals).isPresent()) {
        continue;
      }
      try {
        merge(run, parts);
        note(name, wanted);
      } catch (RejectedPathException e) {
        problem(name, e.code(), String.valueOf(e.getMessage()));
      } catch (IOException | RuntimeException e) {
        problem(name, "unreadable-diagonal", e.toString());
      }
    }
  }

  /**
   * The parts' files. Only relative ages matter to a mean and its error, so that the newest file's
   * is 1.
   */
  private static List<Aged> aged(List<ShareStamp> stamps) {
    long newest =
        stamps.stream()
            .flatMap(stamp -> stamp.diagonal().stream())
            .mapToLong(DiagonalReference::ordinal)
            .max()
            .orElse(0);
    List<Aged> aged = new ArrayList<>();
    for (ShareStamp stamp : stamps) {
      stamp
          .diagonal()
          .ifPresent(
              file ->
                  aged.add(
                      new Aged(
                          file.uri(), Math.pow(stamp.decay(), (double) newest - file.ordinal()))));
    }
    return aged;
  }

  private void merge(MergedRun run, List<Aged> files) throws IOException, RejectedPathException {
    List<FileChannel> open = new ArrayList<>();
    try {
      List<DiagonalPart> parts = new ArrayList<>();
      for (Aged file : files) {
        FileChannel channel = roots.open(file.uri());
        open.add(channel);
        SafetensorsReader reader = SafetensorsReader.open(channel, file.uri());
        DiagonalPart.of(reader, file.factor()).ifPresent(parts::add);
      }
      if (!parts.isEmpty()) {
        String name = run.snapshot().run();
        DiagonalMerge diagonals = DiagonalMerge.of(parts, chunkEntries);
        merged.diagonal(run.snapshot(), write(name, diagonals, trace(run)));
      }
    } finally {
      for (FileChannel channel : open) {
        channel.close();
      }
    }
  }

  private static double trace(MergedRun run) {
    TraceFigure trace = run.snapshot().figures().total().traces().get(Estimate.FISHER);
    return trace == null ? Double.NaN : trace.trace().value();
  }

  /** A file that is whole or as it was: written beside, fsynced, renamed. */
  private Map<String, DiagonalFigure> write(String run, DiagonalMerge diagonals, double trace)
      throws IOException {
    Path part = folder.resolve(run + ".part");
    Map<String, DiagonalFigure> figures;
    try (FileChannel channel =
            FileChannel.open(
                part,
                StandardOpenOption.CREATE,
                StandardOpenOption.WRITE,
                StandardOpenOption.TRUNCATE_EXISTING);
        OutputStream out = new BufferedOutputStream(Channels.newOutputStream(channel), BUFFER)) {
      figures = diagonals.writeTo(out, trace);
      out.flush();
      channel.force(true);
    }
    Files.move(part, file(run), StandardCopyOption.ATOMIC_MOVE);
    return figures;
  }

  private Path file(String run) {
    return folder.resolve(run + ".safetensors");
  }

  private synchronized Optional<Made> known(String run) {
    return Optional.ofNullable(made.get(run));
  }

  private synchronized void note(String run, Made now) {
    made.put(run, now);
    if (problems.remove(run) != null) {
      LOG.info("run {}: its diagonals are merged again", run);
    }
  }

  /** Between two looks a part may have written a newer file, and deleted the one that it named. */
  private synchronized void problem(String run, String code, String reason) {
    String before = problems.put(run, "the diagonal of run " + run + " is not merged: " + reason);
    if (before == null) {
      LOG.warn("run {}: its diagonals cannot be merged ({}: {}); trying again", run, code, reason);
    }
  }

  /** Removes the files of runs that have gone while this was here. */
  private synchronized void forgetOthers(List<MergedRun> runs) {
    List<String> names = runs.stream().map(run -> run.snapshot().run()).toList();
    problems.keySet().retainAll(names);
    for (String run : List.copyOf(made.keySet())) {
      if (!names.contains(run)) {
        made.remove(run);
        try {
          Files.deleteIfExists(file(run));
        } catch (IOException e) {
          LOG.warn("{} cannot be removed: {}", file(run), e.toString());
        }
      }
    }
  }

  /** What an operator should know of. */
  synchronized Optional<String> warning() {
    return problems.values().stream().findFirst();
  }

  @Override
  public boolean writeTo(String run, OutputStream out) throws IOException {
    MergedRun current = merged.find(run);
    if (current == null
        || known(run).filter(its -> its.attempt() == current.snapshot().attempt()).isEmpty()) {
      return false; // a file of an earlier attempt, or of an earlier process, says nothing of this
      // one
    }
    try (InputStream in = Files.newInputStream(file(run))) {
      in.transferTo(out);
      return true;
    } catch (NoSuchFileException e) {
      return false; // not merged yet, or the parts keep none
    }
  }

  @Override
  public void close() {
    timer.shutdownNow();
  }
}
