package io.fisherwatch.bench;

import io.fisherwatch.agent.AgentConfig;
import io.fisherwatch.agent.ConfigLoader;
import io.fisherwatch.event.BatchEvent;
import io.fisherwatch.event.CheckpointEvent;
import io.fisherwatch.event.EventSink;
import io.fisherwatch.event.FileReference;
import io.fisherwatch.event.LikelihoodSpec;
import io.fisherwatch.event.LogitsSelector;
import io.fisherwatch.event.Origin;
import io.fisherwatch.kafka.KafkaSettings;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.SafetensorsReader;
import io.fisherwatch.web.WebSettings;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/** A run's events, as a training job would publish them, and an agent's settings for them. */
final class JobEvents {

  private static final String RUN = "bench";

  private final String run;
  private final Workloads.Workload workload;
  private final List<String> inputs;
  private final Path folder;
  private CompletableFuture<Void> latest = CompletableFuture.completedFuture(null);
  private long published;

  /**
   * @param inputs names of the batch's tensors
   * @param folder where the graph lies and where state goes
   */
  JobEvents(Workloads.Workload workload, List<String> inputs, Path folder) {
    this(RUN, workload, inputs, folder);
  }

  /** The events of a run of another name. */
  JobEvents(String run, Workloads.Workload workload, List<String> inputs, Path folder) {
    this.run = run;
    this.workload = workload;
    this.inputs = inputs;
    this.folder = folder;
  }

  /** An agent of a group of its own, with everything else as by default. */
  AgentConfig config(KafkaSettings kafka, String state) throws IOException {
    AgentConfig usual = ConfigLoader.defaults();
    String graph = SafetensorsReader.sha256(workload.graph());
    return new AgentConfig(
        kafka,
        usual.files().with(List.of(folder.toRealPath()), graph),
        "cpu",
        usual.threads(),
        usual.estimate(),
        new WebSettings("127.0.0.1", 0),
        usual.historyPoints(),
        usual.endedRetention(),
        usual.maxSeries(),
        usual.residentModels(),
        new AgentConfig.StateConfig(Optional.of(folder.resolve(state)), Duration.ofSeconds(30)),
        usual.logging(),
        usual.shutdownTimeout());
  }

  /** Publishes the checkpoint that everything hangs on. */
  void checkpoint(EventSink sink) throws IOException {
    String digest = SafetensorsReader.sha256(workload.graph());
    FileReference graph =
        new FileReference(workload.graph().toRealPath().toUri().toString(), Optional.of(digest));
    latest =
        sink.publish(
            new CheckpointEvent(
                run,
                0,
                graph,
                Optional.empty(),
                inputs,
                LogitsSelector.FIRST,
                LikelihoodSpec.CATEGORICAL,
                List.of(),
                origin()));
  }

  /** Publishes a batch of a step. */
  void batch(EventSink sink, long step) {
    Map<String, HostTensor> tensors = new LinkedHashMap<>();
    for (int i = 0; i < inputs.size(); i++) {
      tensors.put(inputs.get(i), workload.batch().inputs().get(i));
    }
    workload.batch().labels().ifPresent(labels -> tensors.put("labels", labels));
    latest = sink.publish(new BatchEvent(run, step, tensors, Optional.empty(), origin()));
  }

  /** Waits until all of it is with the broker. */
  void flush(EventSink sink) {
    sink.flush();
    latest.join();
  }

  private Origin origin() {
    return new Origin(
        "urn:fisherwatch:bench", Long.toString(++published), Optional.of(Instant.now()));
  }
}
