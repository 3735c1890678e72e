package io.fisherwatch.cli;

import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
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
    versionProvider = Main.Version.class)
public final class Main implements Runnable {

  /** By their names, in the order of the help. */
  private static final Map<String, Class<?>> COMMANDS = commands();

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
    // looking into a command's class takes time: only into that of the one that is called
    Class<?> called = args.length == 0 ? null : COMMANDS.get(args[0]);
    for (Class<?> command : called == null ? COMMANDS.values() : List.of(called)) {
      line.addSubcommand(command);
    }
    line.setParameterExceptionHandler(Main::wrongUsage);
    line.setExecutionExceptionHandler((error, command, parsed) -> main.failed(error, command));
    return line.execute(args);
  }

  private static Map<String, Class<?>> commands() {
    Map<String, Class<?>> commands = new LinkedHashMap<>();
    commands.put("demo", DemoCommand.class);
    commands.put("agent", AgentCommand.class);
    commands.put("merge", MergeCommand.class);
    commands.put("broker", BrokerCommand.class);
    commands.put("estimate", EstimateCommand.class);
    commands.put("config", ConfigCommand.class);
    commands.put("health", HealthCommand.class);
    commands.put("state", StateCommand.class);
    commands.put("study", StudyCommand.class);
    commands.put("bench", BenchCommand.class);
    commands.put("probe-graph", ProbeGraphCommand.class);
    return commands;
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
