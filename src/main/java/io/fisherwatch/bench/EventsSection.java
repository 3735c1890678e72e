package io.fisherwatch.bench;

import io.fisherwatch.agent.Agent;
import io.fisherwatch.demo.EmbeddedBroker;
import io.fisherwatch.kafka.KafkaEventSink;
import io.fisherwatch.kafka.KafkaSettings;
import io.fisherwatch.monitor.FisherMonitor;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.snapshot.Figures;
import java.io.IOException;
import java.net.http.HttpClient;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Batches of a tiny model through Kafka and the agent, against a bare consumer's loop and a bare
 * monitor's, one after the other.
 */
final class EventsSection implements Section {

  private static final int EXAMPLES = 16;

  /** Events before the clock starts: the model is loaded, the plan found, the code compiled. */
  private static final int WARM_UP = 100;

  private static final Pattern ENDED =
      Pattern.compile("(?m)^fisherwatch_events_total\\{[^}]*type=\"batch\"[^}]*} ([0-9.E]+)$");

  @Override
  public String name() {
    return "events";
  }

  @Override
  public void run(Bench.Site site, Report.Part part) throws Exception {
    Path folder = Files.createDirectories(site.folder().resolve("events"));
    Workloads.Workload tiny = site.workloads().digits(EXAMPLES);
    Workloads.Workload copied =
        new Workloads.Workload(
            tiny.name(),
            Files.copy(tiny.graph(), folder.resolve("graph.pt")),
            tiny.weights(),
            tiny.batch());
    int batches = site.preset().pick(300, 1000, 3000);
    int rounds = site.preset().pick(1, 5, 7);
    try (EmbeddedBroker broker = EmbeddedBroker.start(0, folder.resolve("broker"));
        Model model = site.workloads().load(copied)) {
      List<String> names = model.inputNames().orElse(List.of("pixels"));
      Run run = new Run(site, copied, names, folder, broker.bootstrapServers(), batches);
      double[] consumer = new double[rounds];
      double[] monitor = new double[rounds];
      double[] agent = new double[rounds];
      double[] share = new double[rounds];
      for (int round = 0; round < rounds; round++) {
        site.say("events, round " + (round + 1) + " of " + rounds);
        String topic = run.publish(round);
        consumer[round] = run.consumer(topic);
        monitor[round] = run.monitor(model);
        agent[round] = run.agent(topic);
        share[round] = (consumer[round] + monitor[round]) / agent[round];
      }
      double median = Rounds.median(share);
      part.add(
          new Table(
                  "a batch of " + EXAMPLES,
                  "bare consumer",
                  "bare monitor",
                  "agent",
                  "agent's rate",
                  "over the bare ones' together")
              .row(
                  copied.name(),
                  Numbers.seconds(Rounds.median(consumer)),
                  Numbers.seconds(Rounds.median(monitor)),
                  Numbers.seconds(Rounds.median(agent)),
                  Numbers.of(1 / Rounds.median(agent)) + " /s",
                  Numbers.of(median)
                      + " ("
                      + Numbers.of(Rounds.quantile(0, share))
                      + "–"
                      + Numbers.of(Rounds.quantile(1, share))
                      + ")"));
      part.atLeast("batches per second, over bare consumer and monitor", 0.8, median, " ×");
      site.say("events, latency");
      latency(part, run.latencies(site.preset().pick(20, 200, 500)));
    }
  }

  private static void latency(Report.Part part, double[] seconds) {
    part.add(
        new Table("events", "publish to scrape, p50", "p99")
            .row(
                Numbers.of(seconds.length),
                Numbers.seconds(Rounds.quantile(0.5, seconds)),
                Numbers.seconds(Rounds.quantile(0.99, seconds))));
  }

  /** What every round does. */
  private record Run(
      Bench.Site site,
      Workloads.Workload workload,
      List<String> names,
      Path folder,
      String servers,
      int batches) {

    private KafkaSettings kafka(String topic) {
      return new KafkaSettings(servers, topic, topic + ".dlq", "group-" + topic, Map.of());
    }

    String publish(int round) throws IOException {
      String topic = "bench-" + round;
      JobEvents job = new JobEvents(workload, names, folder);
      try (KafkaEventSink sink = new KafkaEventSink(kafka(topic))) {
        job.checkpoint(sink);
        for (int i = 0; i < WARM_UP + batches; i++) {
          job.batch(sink, i);
        }
        job.flush(sink);
      }
      return topic;
    }

    double consumer(String topic) {
      long warmUp = BareConsumer.read(servers, topic, WARM_UP);
      long start = System.nanoTime();
      long all = BareConsumer.read(servers, topic, WARM_UP + batches);
      if (all <= warmUp) {
        throw new IllegalStateException("the topic holds nothing but its beginning");
      }
      return (System.nanoTime() - start) / 1e9 / (WARM_UP + batches);
    }

    double monitor(Model model) throws Exception {
      try (FisherMonitor monitor = Estimates.monitor(model, Estimates.byDefault(true))) {
        observe(monitor, 0, WARM_UP);
        long start = System.nanoTime();
        observe(monitor, WARM_UP, WARM_UP + batches);
        return (System.nanoTime() - start) / 1e9 / batches;
      }
    }

    private void observe(FisherMonitor monitor, int from, int to) throws Exception {
      for (int i = from; i < to; i++) {
        monitor.observe(workload.batch(), i, i);
        Figures unused = monitor.figures();
      }
    }

    double agent(String topic) throws Exception {
      JobEvents job = new JobEvents(workload, names, folder);
      try (Agent agent = Agent.start(job.config(kafka(topic), "state-" + topic))) {
        Thread watching = new Thread(agent::run, "bench-agent");
        watching.start();
        await(agent, 1 + WARM_UP);
        long already = agent.eventsEnded();
        long start = System.nanoTime();
        await(agent, 1 + WARM_UP + batches);
        double seconds = (System.nanoTime() - start) / 1e9;
        agent.stop();
        watching.join();
        return seconds / (1 + WARM_UP + batches - already);
      }
    }

    private static void await(Agent agent, long events) throws InterruptedException {
      while (agent.eventsEnded() < events) {
        if (agent.deadLettered() > 0) {
          throw new IllegalStateException("the agent refuses the bench's events");
        }
        Thread.sleep(1);
      }
    }

    /** Each event is published alone, and scraped until it shows. */
    double[] latencies(int events) throws Exception {
      JobEvents job = new JobEvents(workload, names, folder);
      HttpClient client = HttpClient.newHttpClient();
      double[] seconds = new double[events];
      KafkaSettings kafka = kafka("bench-latency");
      try (Agent agent = Agent.start(job.config(kafka, "state-latency"));
          KafkaEventSink sink = new KafkaEventSink(kafka)) {
        job.checkpoint(sink);
        for (int i = 0; i < WARM_UP; i++) {
          job.batch(sink, i);
        }
        job.flush(sink);
        Thread watching = new Thread(agent::run, "bench-agent");
        watching.start();
        await(agent, 1 + WARM_UP);
        for (int i = 0; i < events; i++) {
          Thread.sleep(20);
          long start = System.nanoTime();
          job.batch(sink, WARM_UP + i);
          while (ended(client, agent.port()) < WARM_UP + i + 1) {
            Thread.onSpinWait();
          }
          seconds[i] = (System.nanoTime() - start) / 1e9;
        }
        agent.stop();
        watching.join();
      }
      return seconds;
    }

    private static double ended(HttpClient client, int port)
        throws IOException, InterruptedException {
      String text = new String(ScrapeSection.get(client, port), StandardCharsets.UTF_8);
      Matcher matcher = ENDED.matcher(text);
      double sum = 0;
      while (matcher.find()) {
        sum += Double.parseDouble(matcher.group(1));
      }
      return sum;
    }
  }
}
