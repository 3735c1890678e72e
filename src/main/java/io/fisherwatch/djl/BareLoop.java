package io.fisherwatch.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.IValueUtils;
import ai.djl.pytorch.jni.JniUtils;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.safetensors.HostTensor;
import java.nio.file.Path;
import java.util.List;

/**
 * Forward and backward passes as libtorch makes them, with nothing done to the gradients: the floor
 * that benchmarks compare with. The model is loaded as for an estimate, so that both have the same
 * code and the same sparse gradients.
 */
public final class BareLoop implements AutoCloseable {

  private final TorchModel model;
  private final PtNDManager manager;
  private final PtSymbolBlock pull;
  private final NDList inputs;

  private BareLoop(TorchModel model, PtNDManager manager, PtSymbolBlock pull, NDList inputs) {
    this.model = model;
    this.manager = manager;
    this.pull = pull;
    this.inputs = inputs;
  }

  /**
   * A loop over one batch.
   *
   * @param model a model of this room, which stays the caller's
   * @param pull TorchScript file with a method {@code pull(logits, cotangents, parameters)} that
   *     calls {@code torch.autograd.grad} and lets go of what it gives
   * @throws ModelException if an input has a type that the engine does not take
   */
  public static BareLoop of(Model model, Path pull, List<HostTensor> batch) throws ModelException {
    TorchModel torch = (TorchModel) model;
    Kernels.enter();
    PtNDManager manager = torch.newManager();
    PtSymbolBlock block =
        JniUtils.loadModule(manager, pull, true, new String[0], new String[0], true);
    NDList inputs = new NDList();
    for (HostTensor input : batch) {
      inputs.add(HostTensors.toDevice(input, manager));
    }
    return new BareLoop(torch, manager, block, inputs);
  }

  /** One forward pass of some examples, and so many backward passes through it. */
  public void pass(int from, int to, int backwards) {
    Kernels.enter();
    try (PtNDManager scope = (PtNDManager) manager.newSubManager()) {
      NDList slices = new NDList();
      for (NDArray input : inputs) {
        NDArray slice = input.get(new NDIndex(from + ":" + to));
        slice.attach(scope);
        slices.add(slice);
      }
      NDList outputs = IValueUtils.forward(model.block(), slices, true);
      outputs.attach(scope);
      NDArray logits = outputs.get(model.output().index());
      logits.setName(null);
      NDArray cotangents = scope.ones(logits.getShape(), logits.getDataType());
      for (int i = 0; i < backwards; i++) {
        pullBack(scope, logits, cotangents);
      }
      awaitDevice(cotangents, scope);
    }
  }

  /** A GPU works on while we go on; what is timed is to be done. */
  private void awaitDevice(NDArray array, PtNDManager scope) {
    if (array.getDevice().isGpu()) {
      HostTensor unused = HostTensors.toHost(array, model.kernels(), scope);
    }
  }

  private void pullBack(PtNDManager scope, NDArray logits, NDArray cotangents) {
    NDArray method = Kernels.method("pull", scope);
    cotangents.setName(null);
    NDList arguments = new NDList(method, logits, cotangents);
    for (NDArray parameter : model.table().differentiated()) {
      parameter.setName("list2[]");
      arguments.add(parameter);
    }
    IValueUtils.forward(pull, arguments, true).close();
  }

  @Override
  public void close() {
    manager.close();
  }
}
