package io.fisherwatch.agent;

import io.fisherwatch.event.BatchEvent;
import io.fisherwatch.event.CheckpointEvent;
import io.fisherwatch.event.EventSink;
import io.fisherwatch.event.FileReference;
import io.fisherwatch.event.LikelihoodSpec;
import io.fisherwatch.event.LogitsSelector;
import io.fisherwatch.event.Origin;
import io.fisherwatch.event.RunEndedEvent;
import io.fisherwatch.event.TrainingEvent;
import io.fisherwatch.safetensors.Dtype;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.SafetensorsReader;
import io.fisherwatch.safetensors.SafetensorsWriter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;

/**
 * A seeded stream of events of a few runs, on small networks whose weights and data change from
 * event to event: checkpoints, batches, repetitions and what cannot be processed.
 */
final class Recorded {

  private static final Path MODELS = Path.of("src/test/resources/models");
  private static final int CHECKPOINT_EVERY = 7;

  private final Path folder;
  private final Random random = new Random(5);
  private final Map<String, HostTensor> weights;
  private final Map<String, HostTensor> data;
  private int published;
  private int sent;
  private int processed;
  private int skipped;
  private int deadLettered;

  /**
   * @param folder where weights are written, among the agent's roots
   */
  Recorded(Path folder) throws Exception {
    this.folder = folder;
    Files.copy(MODELS.resolve("mlp/graph.pt"), folder.resolve("graph.pt"));
    this.weights = decode("mlp/weights.safetensors");
    this.data = decode("mlp/batch.safetensors");
  }

  private static Map<String, HostTensor> decode(String file) throws Exception {
    return SafetensorsReader.decode(Files.readAllBytes(MODELS.resolve(file)), file);
  }

  /** Publishes further events of some runs, in turn, and repetitions of some of them. */
  void publish(EventSink sink, int count, int runs) throws Exception {
    int end = published + count;
    for (; published < end; published++) {
      String run = "run-" + published % runs;
      long step = published / runs;
      TrainingEvent event;
      if (step % CHECKPOINT_EVERY == 0) {
        event = checkpoint(run, step);
        processed++;
      } else if (random.nextInt(25) == 0) {
        event = new BatchEvent(run, step, Map.of("y", data.get("x")), Optional.empty(), origin());
        deadLettered++;
      } else {
        event = batch(run, step);
        processed++;
      }
      sink.publish(event).join();
      if (random.nextInt(20) == 0) {
        sink.publish(event).join();
        skipped++;
      }
    }
  }

  /** Ends the runs. */
  void end(EventSink sink, int runs, long step) {
    for (int run = 0; run < runs; run++) {
      sink.publish(new RunEndedEvent("run-" + run, step, true, origin())).join();
      processed++;
    }
  }

  /** A checkpoint, its weights written. */
  CheckpointEvent checkpoint(String run, long step) throws Exception {
    Path file = folder.resolve(run + "-" + step + ".safetensors");
    Files.write(file, SafetensorsWriter.encode(shaken(weights)));
    return new CheckpointEvent(
        run,
        step,
        reference(folder.resolve("graph.pt")),
        Optional.of(reference(file)),
        List.of("x"),
        LogitsSelector.FIRST,
        LikelihoodSpec.CATEGORICAL,
        List.of(),
        origin());
  }

  BatchEvent batch(String run, long step) {
    return new BatchEvent(run, step, shaken(data), Optional.empty(), origin());
  }

  /** The same tensors, with other numbers where they are real. */
  private Map<String, HostTensor> shaken(Map<String, HostTensor> tensors) {
    Map<String, HostTensor> shaken = new LinkedHashMap<>();
    tensors.forEach(
        (name, tensor) -> {
          if (tensor.dtype() != Dtype.F32) {
            shaken.put(name, tensor);
            return;
          }
          double[] values = tensor.toDoubles();
          ByteBuffer bytes =
              ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
          for (double value : values) {
            bytes.putFloat((float) (value * (1 + 0.2 * random.nextGaussian())));
          }
          shaken.put(name, HostTensor.of(Dtype.F32, tensor.shape(), bytes.flip()));
        });
    return shaken;
  }

  private static FileReference reference(Path file) throws Exception {
    return new FileReference(file.toUri().toString(), Optional.of(SafetensorsReader.sha256(file)));
  }

  private Origin origin() {
    return new Origin("urn:recorded", Integer.toString(sent++), Optional.empty());
  }

  Path folder() {
    return folder;
  }

  String graphSha256() throws Exception {
    return SafetensorsReader.sha256(folder.resolve("graph.pt"));
  }

  int processed() {
    return processed;
  }

  int skipped() {
    return skipped;
  }

  int deadLettered() {
    return deadLettered;
  }

  int all() {
    return processed + skipped + deadLettered;
  }
}
