package io.fisherwatch.bench;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.results.format.ResultFormatType;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;

/**
 * Runs the microbenchmarks. Arguments: {@code quick} or {@code full}, and, if not all are wanted, a
 * pattern of names. The result lies beside a line that tells the machine.
 */
public final class Jmh {

  private static final Path RESULT = Path.of("target/jmh.json");
  private static final Path MACHINE = Path.of("target/jmh-machine.txt");

  private Jmh() {}

  /** The door. */
  public static void main(String[] args) throws Exception {
    boolean full = args.length > 0 && args[0].equals("full");
    String machine = Machine.describe("no engine") + "; load " + Machine.load() + " at the start";
    System.out.println(machine);
    Files.writeString(MACHINE, machine + System.lineSeparator());
    ChainedOptionsBuilder options =
        new OptionsBuilder()
            .include(args.length > 1 ? args[1] : "io\\.fisherwatch\\.bench\\..*Benchmark")
            .forks(full ? 3 : 1)
            .warmupIterations(full ? 5 : 2)
            .warmupTime(TimeValue.milliseconds(full ? 1000 : 200))
            .measurementIterations(full ? 5 : 3)
            .measurementTime(TimeValue.milliseconds(full ? 1000 : 200))
            .timeUnit(TimeUnit.MICROSECONDS)
            .shouldFailOnError(true)
            .resultFormat(ResultFormatType.JSON)
            .result(RESULT.toString());
    new Runner(options.build()).run();
  }
}
