package io.fisherwatch.cli;

import java.io.PrintWriter;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** The command line. Exit codes: 0 done, 1 it failed while running, 2 wrong usage. */
@Command(
    name = "fisherwatch",
    description = "Watches the Fisher information of a network while it trains.",
    mixinStandardHelpOptions = true,
    scope = ScopeType.INHERIT,
    versionProvider = Main.Version.class,
    subcommands = {
      DemoCommand.class,
      AgentCommand.class,
      MergeCommand.class,
      BrokerCommand.class,
      EstimateCommand.class,
      ConfigCommand.class,
      HealthCommand.class,
      StateCommand.class,
      StudyCommand.class,
      BenchCommand.class,
      ProbeGraphCommand.class
    })
public final class Main implements Runnable {

  @Spec private CommandSpec spec;

  @Option(
      names = "--verbose",
      scope = ScopeType.INHERIT,
      description = "Show the stack trace of an error.")
  private boolean verbose;

  /** Made by {@link #main}; the annotations fill it in. */
  Main() {
    this.spec = CommandSpec.create();
  }

  /** Runs a command and exits. */
  public static void main(String[] args) {
    System.exit(run(args));
  }

  /** Runs a command; the exit code. */
  static int run(String... args) {
    Main main = new Main();
    CommandLine line = new CommandLine(main);
    line.setParameterExceptionHandler(Main::wrongUsage);
    line.setExecutionExceptionHandler((error, command, parsed) -> main.failed(error, command));
    return line.execute(args);
  }

  @Override
  public void run() {
    spec.commandLine().usage(System.err);
    throw new ParameterException(spec.commandLine(), "a command is missing");
  }

  private static int wrongUsage(ParameterException error, String[] args) {
    CommandLine command = error.getCommandLine();
    PrintWriter err = command.getErr();
    err.println(
        "fisherwatch: "
            + oneLine(error)
            + "; see '"
            + command.getCommandSpec().qualifiedName()
            + " --help'");
    return 2;
  }

  private int failed(Exception error, CommandLine command) {
    command.getErr().println("fisherwatch: " + oneLine(error));
    if (verbose) {
      error.printStackTrace(command.getErr());
    }
    return error instanceof UsageException ? 2 : 1;
  }

  private static String oneLine(Exception error) {
    String message = error.getMessage();
    return (message == null ? error.toString() : message).replaceAll("\\s*\\R\\s*", " ");
  }

  /** The version that the jar's manifest names. */
  static final class Version implements IVersionProvider {

    @Override
    public String[] getVersion() {
      String version = Main.class.getPackage().getImplementationVersion();
      return new String[] {"fisherwatch " + (version == null ? "(not from a jar)" : version)};
    }
  }
}
