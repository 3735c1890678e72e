package io.fisherwatch.share;

import io.fisherwatch.djl.TorchRuntime;
import io.fisherwatch.monitor.Batch;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.runtime.OutputSelector;
import io.fisherwatch.runtime.Parameter;
import io.fisherwatch.safetensors.Dtype;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.SafetensorsReader;
import io.fisherwatch.safetensors.SafetensorsWriter;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;

/** A model whose weights change, and batches drawn from its examples. */
final class Stream implements AutoCloseable {

  private static final Path MODELS = Path.of("src/test/resources/models");

  private final Model model;
  private final List<HostTensor> inputs;
  private final HostTensor labels;
  private final Path folder;
  private final Map<Long, Path> weights = new LinkedHashMap<>();
  private long inForce = -1;

  private Stream(Model model, List<HostTensor> inputs, HostTensor labels, Path folder) {
    this.model = model;
    this.inputs = inputs;
    this.labels = labels;
    this.folder = folder;
  }

  /** The demonstration's network on handwritten digits. */
  static Stream digits(TorchRuntime runtime, Path folder) throws IOException, ModelException {
    io.fisherwatch.demo.Digits digits = io.fisherwatch.demo.Digits.load();
    int[] rows = digits.train();
    return new Stream(
        runtime.load(
            Path.of("src/main/resources/io/fisherwatch/demo/digits.pt"), OutputSelector.FIRST),
        List.of(digits.pixels(rows)),
        digits.labels(rows),
        folder);
  }

  /** A small transformer with an attention mask. */
  static Stream transformer(TorchRuntime runtime, Path folder) throws IOException, ModelException {
    Path from = MODELS.resolve("transformer-mask");
    Map<String, HostTensor> batch =
        SafetensorsReader.decode(
            Files.readAllBytes(from.resolve("batch.safetensors")), from.toString());
    return new Stream(
        runtime.load(from.resolve("graph.pt"), new OutputSelector(1, Optional.empty())),
        List.of(batch.get("input_ids"), batch.get("attention_mask")),
        batch.get("labels"),
        folder);
  }

  Model model() {
    return model;
  }

  /** Puts a checkpoint's weights into the model. */
  void weights(long ordinal) throws IOException, ModelException {
    if (inForce != ordinal) {
      Path file = weights.get(ordinal);
      if (file == null) {
        file = folder.resolve("weights-" + ordinal);
        Files.write(file, SafetensorsWriter.encode(drawn(ordinal)));
        weights.put(ordinal, file);
      }
      model.replaceWeights(file, Optional.empty());
      inForce = ordinal;
    }
  }

  private Map<String, HostTensor> drawn(long ordinal) {
    Random random = new Random(ordinal);
    Map<String, HostTensor> tensors = new LinkedHashMap<>();
    for (Parameter parameter : model.parameters()) {
      int count = (int) parameter.elements();
      ByteBuffer data = ByteBuffer.allocate(4 * count).order(ByteOrder.LITTLE_ENDIAN);
      for (int i = 0; i < count; i++) {
        data.putFloat((float) (0.3 * random.nextGaussian()));
      }
      tensors.put(
          parameter.name(), HostTensor.of(Dtype.F32, parameter.shape().toArray(), data.flip()));
    }
    return tensors;
  }

  /** Three to eight examples, drawn with replacement. */
  Batch batch(long seed) {
    Random random = new Random(seed);
    int[] rows = random.ints(3 + random.nextInt(6), 0, (int) labels.size(0)).toArray();
    List<HostTensor> chosen = new ArrayList<>();
    inputs.forEach(input -> chosen.add(rows(input, rows)));
    return new Batch(chosen, Optional.of(rows(labels, rows)), Optional.empty());
  }

  private static HostTensor rows(HostTensor all, int... rows) {
    long[] shape = all.shape();
    shape[0] = rows.length;
    int bytes = all.rows(0, 1).data().remaining();
    ByteBuffer data = ByteBuffer.allocate(rows.length * bytes).order(ByteOrder.LITTLE_ENDIAN);
    for (int row : rows) {
      data.put(all.rows(row, row + 1).data());
    }
    return HostTensor.of(all.dtype(), shape, data.flip());
  }

  @Override
  public void close() {
    model.close();
  }
}
