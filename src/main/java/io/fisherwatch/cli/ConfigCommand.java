package io.fisherwatch.cli;

import io.fisherwatch.agent.ConfigLoader;
import io.fisherwatch.config.ConfigException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Looks at configurations. */
@Command(
    name = "config",
    description = "Looks at configurations.",
    subcommands = {ConfigCommand.Check.class, HashSecretCommand.class})
final class ConfigCommand implements Runnable {

  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "'check' or 'hash-secret' is missing");
  }

  /** Reads and validates a configuration, and prints it with its defaults. */
  @Command(
      name = "check",
      description = "Validates a configuration and prints it with its defaults, secrets masked.")
  static final class Check implements Callable<Integer> {

    @Parameters(paramLabel = "FILE", description = "The configuration.")
    private Path file = Path.of("");

    @Spec private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws UsageException {
      try {
        System.out.print(ConfigLoader.print(ConfigFiles.require(file), System.getenv()));
        return 0;
      } catch (ConfigException e) {
        e.mistakes().forEach(line -> spec.commandLine().getErr().println("fisherwatch: " + line));
        return 2;
      }
    }
  }
}
