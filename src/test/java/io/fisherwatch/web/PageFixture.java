package io.fisherwatch.web;

import io.fisherwatch.snapshot.AgentActivity;
import io.fisherwatch.snapshot.PartitionSource;
import io.fisherwatch.snapshot.SnapshotBoard;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import org.jspecify.annotations.Nullable;

/**
 * The real web server over made-up figures, for the browser tests in {@code src/test/web}. Obeys
 * one command a line from its standard input, fields parted by tabs, and answers each with a line:
 *
 * <ul>
 *   <li>{@code publish RUN LAYERS COUNT AGE}: as many further snapshots, a second apart, the last
 *       of them so many seconds old
 *   <li>{@code bare RUN}: one snapshot with everything undefined that may be
 *   <li>{@code again RUN LAYERS}: the run begins another attempt
 *   <li>{@code end RUN LAYERS}, {@code forget RUN}
 *   <li>{@code owners AGENTS AGE TROUBLE}: six partitions are shared by so many agents, of which
 *       the first is this one, and the last partition is nobody's; 0 AGENTS: nothing is known
 *   <li>{@code alone}, {@code grouped}: there are no partitions to tell of, and there are again
 *   <li>{@code down}, {@code up}: the server goes away, and comes back on the same port
 * </ul>
 */
final class PageFixture {

  private final SnapshotBoard board = new SnapshotBoard(2000);
  private final SimulatedRuns runs = new SimulatedRuns(System::currentTimeMillis);
  private final SimulatedOwners owners = new SimulatedOwners();
  private @Nullable PartitionSource partitions = owners;
  private int port;
  private @Nullable WebServer server;

  private PageFixture() throws IOException {
    up();
  }

  public static void main(String[] args) throws IOException {
    PageFixture fixture = new PageFixture();
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    out.println(fixture.port);
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      fixture.obey(line.split("\t", -1));
      out.println("done");
    }
    fixture.down();
  }

  private void obey(String[] command) throws IOException {
    switch (command[0]) {
      case "publish" -> {
        int count = Integer.parseInt(command[3]);
        for (int i = 1; i <= count; i++) {
          double age = Double.parseDouble(command[4]) + count - i;
          board.published(runs.next(command[1], Integer.parseInt(command[2]), age));
        }
      }
      case "bare" -> board.published(runs.bare(command[1]));
      case "again" -> {
        runs.beginAgain(command[1]);
        board.published(runs.next(command[1], Integer.parseInt(command[2]), 0));
      }
      case "end" -> {
        runs.end(command[1]);
        board.published(runs.next(command[1], Integer.parseInt(command[2]), 0));
      }
      case "forget" -> board.remove(command[1]);
      case "owners" ->
          owners.become(Integer.parseInt(command[1]), Double.parseDouble(command[2]), command[3]);
      case "alone" -> {
        down();
        partitions = null;
        up();
      }
      case "grouped" -> {
        down();
        partitions = owners;
        up();
      }
      case "down" -> down();
      case "up" -> up();
      default -> throw new IllegalArgumentException("no such command: " + command[0]);
    }
  }

  private void up() throws IOException {
    AgentActivity activity =
        new AgentActivity(
            Map.of("batch", Map.of("processed", 1234L, "skipped", 5L, "dead_lettered", 6L)),
            OptionalDouble.of(0.25),
            17);
    server =
        WebServer.start(
            new WebSettings("127.0.0.1", port),
            board,
            (run, out) -> false,
            exchange -> Responses.text(exchange, 200, "metrics"),
            Optional::empty,
            () -> activity,
            partitions);
    port = server.port();
  }

  private void down() {
    if (server != null) {
      server.close();
      server = null;
    }
  }
}
