package io.fisherwatch.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.jni.JniUtils;
import io.fisherwatch.runtime.BoundBatch;
import io.fisherwatch.runtime.ForwardPass;
import io.fisherwatch.runtime.Logits;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.runtime.OutputSelector;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.SafetensorsWriter;
import io.fisherwatch.safetensors.TensorSource;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Trains a TorchScript classifier with Adam on the mean cross-entropy: what the demo watches. The
 * graph runs in evaluation mode throughout. For one thread.
 */
public final class TorchTrainer implements AutoCloseable {

  private final PtNDManager manager;
  private final TorchModel model;
  private final NDList first = new NDList();
  private final NDList second = new NDList();
  private long steps;

  private TorchTrainer(PtNDManager manager, TorchModel model) {
    this.manager = manager;
    this.model = model;
    for (NDArray parameter : model.table().differentiated()) {
      first.add(manager.zeros(parameter.getShape(), parameter.getDataType()));
      second.add(manager.zeros(parameter.getShape(), parameter.getDataType()));
    }
  }

  /**
   * Loads a graph to train.
   *
   * @throws ModelException as {@link TorchRuntime#load}
   */
  public static TorchTrainer load(TorchRuntime runtime, Path graph) throws ModelException {
    PtNDManager manager = runtime.newManager();
    try {
      return new TorchTrainer(
          manager, TorchModel.load(manager, runtime.kernels(), graph, OutputSelector.FIRST));
    } catch (ModelException | RuntimeException e) {
      manager.close();
      throw e;
    }
  }

  /**
   * One step of Adam (Kingma and Ba 2015, β = 0.9 and 0.999).
   *
   * @param inputs the batch
   * @param labels I64, [examples]
   * @param rate the step size
   * @return the mean cross-entropy before the step, in nats
   */
  public double step(List<HostTensor> inputs, HostTensor labels, double rate)
      throws ModelException {
    try (BoundBatch batch = model.bind(inputs);
        ForwardPass pass = batch.forward(0, batch.examples());
        PtNDManager scope = (PtNDManager) manager.newSubManager()) {
      NDList loss =
          model
              .kernels()
              .call(
                  scope,
                  "descend",
                  ((TorchForwardPass) pass).output(),
                  HostTensors.toDevice(labels, scope),
                  rate,
                  (double) ++steps,
                  model.table().differentiated(),
                  first,
                  second);
      return loss.get(0).getDouble();
    }
  }

  /**
   * Multiplies a parameter by a factor, in place.
   *
   * @throws IllegalArgumentException if the graph has no parameter of that name
   */
  public void scale(String parameter, double factor) {
    NDArray tensor = model.table().tensor(parameter);
    if (tensor == null) {
      throw new IllegalArgumentException("no parameter '" + parameter + "'");
    }
    JniUtils.setGradMode(false);
    try {
      tensor.muli(factor);
    } finally {
      JniUtils.setGradMode(true);
    }
  }

  /** The logits of some examples. */
  public Logits predict(List<HostTensor> inputs) throws ModelException {
    try (BoundBatch batch = model.bind(inputs);
        ForwardPass pass = batch.forward(0, batch.examples())) {
      return pass.logits();
    }
  }

  /** Writes parameters and buffers as safetensors, each under its first name. */
  public void writeWeights(OutputStream out) throws IOException {
    List<TensorSource> tensors = new ArrayList<>();
    for (String name : model.table().names()) {
      NDArray tensor = model.table().tensor(name);
      if (tensor != null && model.table().owner(name).equals(name)) {
        tensors.add(TensorSource.of(name, HostTensors.toHost(tensor, model.kernels(), manager)));
      }
    }
    SafetensorsWriter.write(out, Map.of(), tensors);
  }

  @Override
  public void close() {
    manager.close();
  }
}
