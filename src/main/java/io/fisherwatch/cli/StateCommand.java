package io.fisherwatch.cli;

import io.fisherwatch.monitor.SavedMonitor;
import io.fisherwatch.safetensors.SafetensorsReader;
import io.fisherwatch.state.Manifest;
import io.fisherwatch.state.StateInspector;
import io.fisherwatch.state.StoredRun;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Looks at the running state that agents keep. */
@Command(
    name = "state",
    description = "Looks at the running state that agents keep.",
    subcommands = {StateCommand.Inspect.class, StateCommand.Export.class})
final class StateCommand implements Runnable {

  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "'inspect' or 'export' is missing");
  }

  private static void requireFolder(Path folder) throws UsageException {
    if (!Files.isDirectory(folder)) {
      throw new UsageException(folder + " is not there, or no folder");
    }
  }

  /** Lists what there is. */
  @Command(
      name = "inspect",
      description =
          "Lists runs, offsets, sizes and checksums of a state folder, and verifies them.")
  static final class Inspect implements Callable<Integer> {

    @Parameters(paramLabel = "DIR", description = "The folder, state.directory of the agent.")
    private Path folder = Path.of("");

    @Override
    public Integer call() throws IOException, UsageException {
      requireFolder(folder);
      List<StateInspector.Found> all = StateInspector.inspect(folder);
      if (all.isEmpty()) {
        System.out.println("no snapshot under " + folder);
      }
      boolean whole = true;
      for (StateInspector.Found found : all) {
        whole &= found.problem().isEmpty();
        print(found);
      }
      return whole ? 0 : 1;
    }

    private static void print(StateInspector.Found found) {
      String verdict = found.problem().map(problem -> "DAMAGED: " + problem).orElse("whole");
      if (found.manifest().isEmpty()) {
        System.out.printf("%s  %s%n", found.file(), verdict);
        return;
      }
      Manifest manifest = found.manifest().get();
      System.out.printf(
          Locale.ROOT,
          "%s-%d  epoch %d  generation %d  offset %d  events %d  %s%n",
          manifest.topic(),
          manifest.partition(),
          manifest.epoch(),
          manifest.generation(),
          manifest.offset(),
          manifest.events().values().stream().mapToLong(Long::longValue).sum(),
          verdict);
      for (StoredRun run : manifest.runs()) {
        String checkpoint =
            run.checkpointStep() < 0 ? "no checkpoint" : "checkpoint " + run.checkpointStep();
        System.out.printf(
            Locale.ROOT,
            "  %s  %s  %,d bytes  digest %s  history %,d bytes  digest %s%n",
            run.run(),
            checkpoint,
            run.state().bytes(),
            run.state().digest(),
            run.history().bytes(),
            run.history().digest());
      }
    }
  }

  /** Writes a run's running diagonals. */
  @Command(
      name = "export",
      description = "Writes a run's running diagonal and its standard errors as safetensors.")
  static final class Export implements Callable<Integer> {

    @Parameters(paramLabel = "DIR", description = "The folder, state.directory of the agent.")
    private Path folder = Path.of("");

    @Option(names = "--run", required = true, description = "The run.")
    private String run = "";

    @Option(names = "--out", required = true, description = "The file to write.")
    private Path out = Path.of("");

    @Override
    public Integer call() throws IOException, UsageException {
      requireFolder(folder);
      Path parent = out.toAbsolutePath().getParent();
      if (parent == null || !Files.isDirectory(parent)) {
        throw new UsageException("--out: the folder of " + out + " is not there");
      }
      Path part = Files.createTempFile(parent, "diagonal", ".part");
      try {
        boolean there = StateInspector.open(folder, run, state -> write(state, part));
        if (!there) {
          throw new IOException("no whole state of run '" + run + "' under " + folder);
        }
        Files.move(part, out, StandardCopyOption.REPLACE_EXISTING);
      } finally {
        Files.deleteIfExists(part);
      }
      return 0;
    }

    private void write(SafetensorsReader state, Path part) throws IOException {
      try (OutputStream to = new BufferedOutputStream(Files.newOutputStream(part), 1 << 16)) {
        if (!SavedMonitor.writeDiagonal(state, to)) {
          throw new IOException("the state of run '" + run + "' holds no running diagonal");
        }
      }
    }
  }
}
