package io.fisherwatch.djl;

import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.jni.IValueUtils;
import ai.djl.pytorch.jni.JniUtils;
import io.fisherwatch.runtime.BoundBatch;
import io.fisherwatch.runtime.ExamplePass;
import io.fisherwatch.runtime.Logits;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.runtime.OutputSelector;
import io.fisherwatch.safetensors.HostTensor;
import java.util.List;

/** The inputs of a batch on the device. */
final class TorchBatch implements BoundBatch {

  private final TorchModel model;
  private final PtNDManager manager;
  private final NDList inputs;
  private final int examples;

  /** Examples of a tapped pass; 0 until that is asked for. */
  private int together;

  TorchBatch(TorchModel model, PtNDManager manager, NDList inputs, int examples) {
    this.model = model;
    this.manager = manager;
    this.inputs = inputs;
    this.examples = examples;
  }

  TorchModel model() {
    return model;
  }

  @Override
  public int examples() {
    return examples;
  }

  @Override
  public TorchForwardPass forward(int from, int to) throws ModelException {
    Kernels.enter();
    PtNDManager scope = (PtNDManager) manager.newSubManager();
    try {
      NDList slices = slices(from, to, scope);
      return pass(select(run(slices, slices)), slices, to - from, scope);
    } catch (ModelException | RuntimeException e) {
      scope.close();
      throw e;
    }
  }

  @Override
  public boolean squaresEach() throws ModelException {
    return model.taps().hold(this);
  }

  @Override
  public ExamplePass forwardEach(int from) throws ModelException {
    if (together == 0) {
      together = TapBudget.evenly(examples, most());
    }
    return forwardEach(from, Math.min(examples, from + together));
  }

  /** How many examples fit into a tapped pass: what two take tells, if it is not plain. */
  int most() throws ModelException {
    boolean gpu = model.isOnGpu();
    ParameterTable table = model.table();
    int unseen = TapBudget.unseen(gpu, inputs, examples, table.widest(), table.widths());
    if (unseen >= examples) {
      return unseen;
    }
    Fitting seen = model.taps().examples();
    List<Fitting.Kind> kinds = Fitting.Kind.ofExample(inputs);
    if (seen.of(kinds) == 0) {
      try (TorchExamplePass two = forwardEach(0, 2)) {
        seen.learn(kinds, TapBudget.seen(gpu, two.bytes() / 2, two.logits().bytes() / 2));
      }
    }
    return seen.of(kinds);
  }

  /** As above, of the examples from one to another. */
  TorchExamplePass forwardEach(int from, int to) throws ModelException {
    Kernels.enter();
    PtNDManager scope = (PtNDManager) manager.newSubManager();
    try {
      NDList slices = slices(from, to, scope);
      NDList results = runTapped(slices, scope);
      TorchForwardPass pass = pass(results.get(0), slices, to - from, scope);
      TappedOutputs taps = new TappedOutputs(model, results, to - from, scope);
      return new TorchExamplePass(model, pass, taps, scope);
    } catch (ModelException | RuntimeException e) {
      scope.close();
      throw e;
    }
  }

  /** Runs the tapped graph; what it gives lives as long as the scope. */
  NDList runTapped(NDList inputs, PtNDManager scope) throws ModelException {
    NDList arguments = new NDList();
    arguments.add(Kernels.method(Taps.METHOD, scope));
    arguments.addAll(inputs);
    NDList results = run(arguments, inputs);
    results.attach(scope);
    return results;
  }

  private NDList slices(int from, int to, PtNDManager scope) {
    NDList slices = new NDList();
    for (NDArray input : inputs) {
      NDArray slice =
          from == 0 && to == examples ? input.duplicate() : input.get(new NDIndex(from + ":" + to));
      slice.attach(scope);
      slices.add(slice);
    }
    return slices;
  }

  private TorchForwardPass pass(NDArray logits, NDList slices, int rows, PtNDManager scope)
      throws ModelException {
    if (!isDifferentiable((PtNDArray) logits)) {
      throw new ModelException(
          "no-gradient",
          "no gradient path leads from the logits to a parameter; the graph detaches them or"
              + " computes them under no_grad");
    }
    Logits host = check(HostTensors.toHost(logits, model.kernels(), scope), rows);
    return new TorchForwardPass(model, scope, logits, host, new Copies(this, scope, slices, host));
  }

  /** The engine says "requires grad" of leaves only; what was computed has a gradient function. */
  private static boolean isDifferentiable(PtNDArray array) {
    String function = JniUtils.getGradientFunctionNames(array);
    return JniUtils.requiresGrad(array) || (function != null && !function.isEmpty());
  }

  private NDList run(NDList arguments, NDList slices) throws ModelException {
    try {
      return IValueUtils.forward(model.block(), arguments, true);
    } catch (EngineException e) {
      throw Kernels.failure(
          "shape-mismatch", "the graph refuses the inputs " + describe(slices), e);
    } catch (UnsupportedOperationException e) {
      throw new ModelException(
          "bad-output",
          "the graph's outputs hold something else than tensors (None, or a nested dict); wrap the"
              + " model so that forward returns tensors",
          e);
    }
  }

  private NDArray select(NDList outputs) throws ModelException {
    OutputSelector output = model.output();
    if (output.key().isPresent()) {
      String key = output.key().get();
      for (NDArray array : outputs) {
        if (key.equals(array.getName())) {
          array.setName(null);
          return array;
        }
      }
      throw new ModelException(
          "bad-output", "the graph has no output '" + key + "'; it has " + names(outputs));
    }
    if (output.index() >= outputs.size()) {
      throw new ModelException(
          "bad-output", "the graph has no output " + output.index() + "; it has " + outputs.size());
    }
    NDArray array = outputs.get(output.index());
    array.setName(null);
    return array;
  }

  private static Logits check(HostTensor host, int rows) throws ModelException {
    boolean shaped =
        host.dtype().isFloating()
            && (host.dimensions() == 2 || host.dimensions() == 3)
            && host.size(0) == rows
            && host.elements() > 0;
    if (!shaped) {
      throw new ModelException(
          "shape-mismatch",
          "the logits are "
              + host
              + ", not real numbers [examples, classes] or [examples, positions, classes] for "
              + rows
              + " examples");
    }
    return Logits.of(host);
  }

  private static String describe(NDList arrays) {
    StringBuilder text = new StringBuilder();
    for (NDArray array : arrays) {
      text.append(text.isEmpty() ? "" : ", ")
          .append(array.getDataType())
          .append(array.getShape().getShape().length == 0 ? "()" : array.getShape());
    }
    return text.toString();
  }

  private static String names(NDList arrays) {
    StringBuilder text = new StringBuilder();
    for (NDArray array : arrays) {
      String name = array.getName();
      text.append(text.isEmpty() ? "" : ", ").append(name == null ? "one without a name" : name);
    }
    return text.toString();
  }

  @Override
  public void close() {
    manager.close();
  }
}
