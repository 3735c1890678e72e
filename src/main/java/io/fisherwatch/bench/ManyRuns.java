package io.fisherwatch.bench;

import io.fisherwatch.kafka.KafkaEventSink;
import io.fisherwatch.kafka.KafkaSettings;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.admin.NewTopic;

/** The events of many runs on a topic of their own, a batch of each in turn. */
final class ManyRuns implements AutoCloseable {

  private final KafkaEventSink sink;
  private final List<JobEvents> jobs = new ArrayList<>();
  private final List<String> names = new ArrayList<>();
  private int rounds;

  private ManyRuns(KafkaEventSink sink) {
    this.sink = sink;
  }

  /**
   * Makes the topic, and publishes a checkpoint of every run.
   *
   * @param inputs names of the batch's tensors
   * @param folder where the graph lies
   */
  static ManyRuns begin(
      KafkaSettings kafka,
      int partitions,
      Workloads.Workload workload,
      List<String> inputs,
      Path folder,
      int runs)
      throws IOException, InterruptedException, ExecutionException {
    Map<String, Object> properties =
        Map.of(AdminClientConfig.BOOTSTRAP_SERVERS_CONFIG, kafka.bootstrapServers());
    try (Admin admin = Admin.create(properties)) {
      admin.createTopics(List.of(new NewTopic(kafka.topic(), partitions, (short) 1))).all().get();
    }
    ManyRuns many = new ManyRuns(new KafkaEventSink(kafka));
    for (int i = 0; i < runs; i++) {
      String name = "run-" + i;
      JobEvents job = new JobEvents(name, workload, inputs, folder);
      job.checkpoint(many.sink);
      many.names.add(name);
      many.jobs.add(job);
    }
    return many;
  }

  /** Publishes a batch of every run, and again as often as it says. */
  void publish(int times) {
    for (int i = 0; i < times; i++, rounds++) {
      for (JobEvents job : jobs) {
        job.batch(sink, rounds);
      }
    }
    jobs.forEach(job -> job.flush(sink));
  }

  /** Names of the runs. */
  List<String> names() {
    return names;
  }

  /** Batches of each run. */
  int rounds() {
    return rounds;
  }

  /** Events in all, checkpoints among them. */
  long published() {
    return (long) jobs.size() * (1 + rounds);
  }

  @Override
  public void close() {
    sink.close();
  }
}
