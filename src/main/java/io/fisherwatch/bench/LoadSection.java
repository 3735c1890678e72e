package io.fisherwatch.bench;

import io.fisherwatch.demo.EmbeddedBroker;
import io.fisherwatch.runtime.Model;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Many runs at the same time: what agents that share the partitions handle in a second, against a
 * bare consumer's loop and a bare monitor's on the same events; and what it takes to add an agent
 * and to lose one.
 */
final class LoadSection implements Section {

  private static final int EXAMPLES = 4;
  private static final int INPUTS = 16;
  private static final int WIDTH = 8;
  private static final int CLASSES = 4;

  /** Kafka's classic protocol misses a member that was killed after so many seconds. */
  private static final int SESSION_SECONDS = 10;

  private static final int MARGIN_SECONDS = 10;

  /** From here on a size of the group takes minutes, and fewer are measured. */
  private static final int MANY_LAYERS = 100;

  /** One size of the group. */
  private record Size(int agents, int partitions) {}

  @Override
  public String name() {
    return "load";
  }

  @Override
  public void run(Bench.Site site, Report.Part part) throws Exception {
    Path folder = Files.createDirectories(site.folder().resolve("load"));
    int runs = site.settings().runs().orElse(site.preset().pick(4, 50, 50));
    int layers = site.settings().layers().orElse(site.preset().pick(8, 20, 200));
    Workloads.Workload workload = site.workloads().perceptron(EXAMPLES, widths(layers));
    try (EmbeddedBroker broker = EmbeddedBroker.start(0, folder.resolve("broker"));
        Model model = site.workloads().load(workload)) {
      List<String> inputs = model.inputNames().orElse(List.of("x"));
      int rounds = site.preset().pick(3, 5, 5);
      Load load = new Load(site, workload, inputs, folder, broker.bootstrapServers(), runs, rounds);
      part.add(
          "%d runs of a perceptron of %d layers and %,d parameters each; %d batches of %d examples of each run."
              .formatted(runs, layers, parameters(model), rounds, EXAMPLES));
      rates(site, part, load, layers);
      moves(site, part, load);
    }
  }

  private static int[] widths(int layers) {
    int[] widths = new int[layers + 1];
    Arrays.fill(widths, WIDTH);
    widths[0] = INPUTS;
    widths[layers] = CLASSES;
    return widths;
  }

  private static long parameters(Model model) {
    return model.parameters().stream().mapToLong(parameter -> parameter.shape().elements()).sum();
  }

  private static List<Size> sizes(Preset preset, int layers) {
    List<Size> sizes = new ArrayList<>();
    if (preset == Preset.QUICK) {
      return List.of(new Size(1, 1), new Size(2, 4));
    }
    int[] all = layers < MANY_LAYERS ? new int[] {1, 4, 16} : new int[] {1, 4};
    for (int partitions : all) {
      for (int agents : new int[] {1, 2, 4}) {
        if (agents <= partitions) { // one more would have nothing to do
          sizes.add(new Size(agents, partitions));
        }
      }
    }
    return sizes;
  }

  private static void rates(Bench.Site site, Report.Part part, Load load, int layers)
      throws Exception {
    Table table =
        new Table(
            "agents",
            "partitions",
            "events per second",
            "bare consumer",
            "bare monitor",
            "over a loop of the bare ones");
    for (Size size : sizes(site.preset(), layers)) {
      site.say("load, bare monitor"); // by turns: what else happens on the machine meets both
      double monitor = LoadFloor.monitor(site, load.workload(), load.runs(), load.rounds());
      site.say("load, %d agents on %d partitions".formatted(size.agents(), size.partitions()));
      Load.Rate rate = load.rate(size.agents(), size.partitions());
      double over = rate.perSecond() * (rate.consumerSeconds() + monitor);
      table.row(
          Numbers.of(size.agents()),
          Numbers.of(size.partitions()),
          Numbers.of(rate.perSecond()),
          Numbers.seconds(rate.consumerSeconds()),
          Numbers.seconds(monitor),
          Numbers.of(over) + " ×");
      if (size.equals(new Size(1, 1))) {
        part.atLeast(
            "events per second of one agent, over a loop of the bare ones", 0.8, over, " ×");
      }
    }
    part.add(table);
  }

  private static void moves(Bench.Site site, Report.Part part, Load load) throws Exception {
    site.say("load, agents come and go");
    Load.Moves moves = load.moves();
    part.add(
        new Table(
                "under load, 2 agents on 4 partitions",
                "until all partitions are owned again",
                "until as many events are counted as before")
            .row(
                "a third one is started",
                Numbers.seconds(moves.added().owned()),
                Numbers.seconds(moves.added().caughtUp()))
            .row(
                "the first one is killed",
                Numbers.seconds(moves.killed().owned()),
                Numbers.seconds(moves.killed().caughtUp())));
    part.add(
        new Table("batches published", "lost", "counted twice")
            .row(
                Numbers.of((double) moves.published()),
                Numbers.of((double) moves.lost()),
                Numbers.of((double) moves.doubled())));
    part.atMost("batches lost", 0, (double) moves.lost(), "");
    part.atMost("batches counted twice", 0, (double) moves.doubled(), "");
    part.atMost(
        "an agent is killed, until its partitions are owned",
        SESSION_SECONDS + MARGIN_SECONDS,
        moves.killed().owned(),
        " s");
  }
}
