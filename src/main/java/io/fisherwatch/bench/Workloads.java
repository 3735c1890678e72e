package io.fisherwatch.bench;

import io.fisherwatch.demo.Digits;
import io.fisherwatch.djl.TorchRuntime;
import io.fisherwatch.djl.TorchTrainer;
import io.fisherwatch.monitor.Batch;
import io.fisherwatch.monitor.BatchInputs;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.runtime.OutputSelector;
import io.fisherwatch.safetensors.Dtype;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.SafetensorsReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;

/** Models with batches for them. */
final class Workloads {

  private static final String PERCEPTRON = "/io/fisherwatch/cli/study/digits-10.pt";
  private static final int TRAINING_STEPS = 600;
  private static final int TRAINING_BATCH = 64;
  private static final double TRAINING_RATE = 3e-3;

  private final Path folder;
  private final TorchRuntime runtime;
  private final Optional<Path> distilbert;

  /**
   * A model with a batch.
   *
   * @param name in tables
   * @param graph its file
   * @param weights its weights, where they are not the graph's own
   * @param batch for it
   */
  record Workload(String name, Path graph, Optional<Path> weights, Batch batch) {

    int examples() {
      return (int) batch.inputs().get(0).size(0);
    }
  }

  Workloads(Path folder, TorchRuntime runtime, Optional<Path> distilbert) {
    this.folder = folder;
    this.runtime = runtime;
    this.distilbert = distilbert;
  }

  /** Loads a workload's model; the caller closes it. */
  Model load(Workload workload) throws ModelException {
    Model model = runtime.load(workload.graph(), OutputSelector.FIRST);
    if (workload.weights().isPresent()) {
      model.replaceWeights(workload.weights().get(), Optional.empty());
    }
    return model;
  }

  /** The bundled perceptron 64-40-10 before training, on handwritten digits. */
  Workload digits(int examples) throws IOException {
    Path graph = folder.resolve("digits.pt");
    if (!Files.exists(graph)) {
      try (InputStream in = Workloads.class.getResourceAsStream(PERCEPTRON)) {
        if (in == null) {
          throw new IllegalStateException(PERCEPTRON + " is missing from the jar");
        }
        Files.copy(in, graph);
      }
    }
    Digits digits = Digits.load();
    int[] rows = Arrays.copyOf(digits.test(), examples);
    Batch batch =
        new Batch(List.of(digits.pixels(rows)), Optional.of(digits.labels(rows)), Optional.empty());
    return new Workload("digits perceptron", graph, Optional.empty(), batch);
  }

  /** The same after training. */
  Workload trainedDigits(int examples) throws IOException, ModelException {
    Workload untrained = digits(examples);
    Path weights = folder.resolve("digits.safetensors");
    if (!Files.exists(weights)) {
      Digits digits = Digits.load();
      int[] train = digits.train();
      SplittableRandom random = new SplittableRandom(1);
      try (TorchTrainer trainer = TorchTrainer.load(runtime, untrained.graph());
          OutputStream out = Files.newOutputStream(weights)) {
        for (int step = 0; step < TRAINING_STEPS; step++) {
          int[] rows = new int[TRAINING_BATCH];
          Arrays.setAll(rows, any -> train[random.nextInt(train.length)]);
          trainer.step(List.of(digits.pixels(rows)), digits.labels(rows), TRAINING_RATE);
        }
        trainer.writeWeights(out);
      }
    }
    return new Workload(
        "digits perceptron, trained", untrained.graph(), Optional.of(weights), untrained.batch());
  }

  /** The DistilBERT, if its folder was named. */
  Optional<Workload> distilbert() throws IOException {
    if (distilbert.isEmpty()) {
      return Optional.empty();
    }
    Path file = distilbert.get().resolve("batch.safetensors");
    Batch batch =
        BatchInputs.select(
            SafetensorsReader.decode(Files.readAllBytes(file), file.toString()),
            List.of("input_ids", "attention_mask"),
            Optional.empty(),
            Optional.empty());
    Path graph = distilbert.get().resolve("graph.pt");
    return Optional.of(new Workload("DistilBERT", graph, Optional.empty(), batch));
  }

  /** The DistilBERT, or a perceptron about as large. */
  Workload large() throws IOException {
    Optional<Workload> real = distilbert();
    return real.isPresent() ? real.get() : perceptron(16, 64, 8100, 8100, 4);
  }

  /**
   * A perceptron with random weights and random inputs.
   *
   * @param widths of the input, of the hidden layers, of the logits
   */
  Workload perceptron(int examples, int... widths) throws IOException {
    String name = "perceptron-" + Arrays.hashCode(widths);
    Path graph = folder.resolve(name + ".pt");
    if (!Files.exists(graph)) {
      long unused = Graphs.writePerceptron(graph, widths);
    }
    int numbers = Math.multiplyExact(examples, widths[0]);
    ByteBuffer data = ByteBuffer.allocate(numbers * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    SplittableRandom random = new SplittableRandom(7);
    for (int i = 0; i < numbers; i++) {
      data.putFloat((float) random.nextDouble());
    }
    HostTensor inputs = HostTensor.of(Dtype.F32, new long[] {examples, widths[0]}, data.flip());
    String title = "perceptron of " + widths.length + " widths";
    return new Workload(
        title,
        graph,
        Optional.empty(),
        new Batch(List.of(inputs), Optional.empty(), Optional.empty()));
  }
}
