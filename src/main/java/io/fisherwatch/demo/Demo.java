package io.fisherwatch.demo;

import io.fisherwatch.agent.Agent;
import io.fisherwatch.agent.AgentConfig;
import io.fisherwatch.djl.TorchRuntime;
import io.fisherwatch.kafka.KafkaEventSink;
import io.fisherwatch.kafka.KafkaSettings;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.snapshot.RunSnapshot;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

/**
 * A whole installation in one process: broker, training job, agent. The pieces know each other only
 * through Kafka and files, as they would on three machines.
 */
public final class Demo {

  private static final int REPORT_EVERY = 20;
  private static final Duration PACE = Duration.ofMillis(50);

  private final AgentConfig config;
  private final Path folder;
  private final PrintStream progress;
  private final Scenario scenario;
  private final CountDownLatch stopped = new CountDownLatch(1);
  private Duration paceBeforeOnset = PACE;

  /**
   * @param config what the agent is configured with; broker, folder and port are set by the demo
   * @param folder where everything is kept
   * @param progress where progress is shown
   * @param scenario what the training goes through
   */
  public Demo(AgentConfig config, Path folder, PrintStream progress, Scenario scenario) {
    this.scenario = scenario;
    this.config = config;
    this.folder = folder;
    this.progress = progress;
  }

  /** Slows the training down before the onset of trouble, if it has no end: time for each step. */
  public Demo withPaceBeforeOnset(Duration pace) {
    paceBeforeOnset = pace;
    return this;
  }

  /**
   * Runs until the training is done, or until it is stopped.
   *
   * @param steps training steps; empty for no end
   * @param port of the page; 0 for a free one
   * @param stayUp whether the page stays up when the training is done
   * @return the final figures, if there are any
   */
  public Optional<RunSnapshot> run(Optional<Long> steps, int port, boolean stayUp)
      throws IOException, ModelException, InterruptedException {
    try {
      return runBeside(steps, port, stayUp);
    } catch (IOException | ModelException | RuntimeException | LinkageError e) {
      if (isStopped(Duration.ZERO)) {
        return Optional.empty(); // neither Kafka nor Log4j can start in a JVM that is ending
      }
      throw e;
    }
  }

  private Optional<RunSnapshot> runBeside(Optional<Long> steps, int port, boolean stayUp)
      throws IOException, ModelException, InterruptedException {
    Path all = Files.createDirectories(folder.resolve("checkpoints")).toRealPath();
    // of its own, since events that another run of the demo left may still name its files
    Path checkpoints = Files.createTempDirectory(all, "demo");
    try (EmbeddedBroker broker = EmbeddedBroker.start(0, folder)) {
      KafkaSettings kafka =
          new KafkaSettings(
              broker.bootstrapServers(),
              config.kafka().topic(),
              config.kafka().deadLetterTopic(),
              config.kafka().groupId(),
              Map.of());
      AgentConfig wired =
          new AgentConfig(
              kafka,
              config.files().with(List.of(all), TrainingJob.graphSha256(scenario)),
              config.device(),
              config.threads(),
              config.estimate(),
              config.web().withPort(port),
              config.historyPoints(),
              config.endedRetention(),
              config.maxSeries(),
              config.residentModels(),
              new AgentConfig.StateConfig(
                  Optional.of(folder.resolve("agent")), config.state().interval()),
              config.logging(),
              config.shutdownTimeout());
      try (Agent agent = Agent.start(wired)) {
        progress.printf("live page:  http://localhost:%d/%n", agent.port());
        progress.printf("metrics:    http://localhost:%d/metrics%n", agent.port());
        return trainBeside(agent, kafka, checkpoints, steps, stayUp);
      }
    }
  }

  /**
   * Ends the training or the page, from any thread; what has been started is closed in order. Not
   * by an interruption: Kafka's clients and broker report that as a failure.
   */
  public void stop() {
    stopped.countDown();
  }

  private Optional<RunSnapshot> trainBeside(
      Agent agent, KafkaSettings kafka, Path checkpoints, Optional<Long> steps, boolean stayUp)
      throws IOException, ModelException, InterruptedException {
    AtomicReference<Throwable> failure = new AtomicReference<>();
    Thread watching =
        new Thread(
            () -> {
              try {
                agent.run();
              } catch (RuntimeException | Error e) {
                failure.set(e);
              }
            },
            "fisherwatch-agent");
    watching.start();
    try (TorchRuntime runtime = TorchRuntime.open("cpu", config.threads());
        KafkaEventSink sink = new KafkaEventSink(kafka);
        TrainingJob job = new TrainingJob(runtime, sink, checkpoints, scenario)) {
      train(job, agent, steps, failure);
      awaitAll(job, agent, failure);
      if (stayUp && !isStopped(Duration.ZERO)) {
        progress.println("training is done; Ctrl-C ends the page");
        stopped.await();
      }
      return Optional.ofNullable(agent.runs().get(TrainingJob.RUN)); // once stopped it has none
    } finally {
      agent.stop();
      awaitEnd(watching);
    }
  }

  /** Also when interrupted: an agent must not be closed while it works. */
  private static void awaitEnd(Thread thread) {
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void train(
      TrainingJob job, Agent agent, Optional<Long> steps, AtomicReference<Throwable> failure)
      throws IOException, ModelException, InterruptedException {
    long last = steps.orElse(Long.MAX_VALUE);
    long already = agent.eventsEnded();
    for (long step = 0; step < last; step++) {
      double loss =
          job.step(
              step,
              () -> {
                rethrow(failure);
                return agent.eventsEnded() - already;
              });
      if ((step + 1) % REPORT_EVERY == 0 || step + 1 == last) {
        report(job.progress(step + 1, loss), agent);
      }
      Duration pace = step < Scenario.ONSET ? paceBeforeOnset : PACE;
      if (isStopped(steps.isEmpty() ? pace : Duration.ZERO)) {
        return;
      }
    }
    job.publishCheckpoint(last);
    job.end(last);
  }

  /** Whether it is stopped, now or within some time. */
  private boolean isStopped(Duration within) throws InterruptedException {
    return stopped.await(within.toMillis(), TimeUnit.MILLISECONDS);
  }

  private void report(TrainingJob.Progress training, Agent agent) {
    RunSnapshot run = agent.runs().get(TrainingJob.RUN);
    String fisher =
        run == null
            ? "–"
            : run.figures().total().traces().values().stream()
                .skip(1)
                .findFirst()
                .map(figure -> String.format("%.4g", figure.trace().value()))
                .orElse("–");
    progress.printf(
        "step %d: loss %.3f, accuracy %.1f %% (train) %.1f %% (test), tr F %s%n",
        training.step(),
        training.loss(),
        100 * training.trainAccuracy(),
        100 * training.testAccuracy(),
        fisher);
  }

  private void awaitAll(TrainingJob job, Agent agent, AtomicReference<Throwable> failure)
      throws InterruptedException {
    while (agent.eventsEnded() < job.published()) {
      rethrow(failure);
      if (isStopped(Duration.ofMillis(50))) {
        return;
      }
    }
    if (agent.deadLettered() > 0) {
      throw new IllegalStateException(
          agent.deadLettered() + " events of the demo ended in the dead-letter topic");
    }
  }

  private static void rethrow(AtomicReference<Throwable> failure) {
    Throwable error = failure.get();
    if (error != null) {
      throw new IllegalStateException("the agent failed: " + error.getMessage(), error);
    }
  }
}
