package io.fisherwatch.djl;

import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.JniUtils;
import io.fisherwatch.runtime.BoundBatch;
import io.fisherwatch.runtime.GradientMemory;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.runtime.OutputSelector;
import io.fisherwatch.runtime.Parameter;
import io.fisherwatch.safetensors.HostTensor;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** A TorchScript graph on a device, in evaluation mode, with everything that it owns there. */
final class TorchModel implements Model {

  /** Inputs without elements may claim any number. */
  private static final int MOST_EXAMPLES = 1 << 24;

  private final PtNDManager manager;
  private final PtSymbolBlock block;
  private final Kernels kernels;
  private final ParameterTable table;
  private final OutputSelector output;
  private final Optional<List<String>> inputNames;
  private final Taps taps;

  /** Whether a replacement of weights has failed half-way. */
  private boolean mixed;

  private TorchModel(
      PtNDManager manager,
      PtSymbolBlock block,
      Kernels kernels,
      ParameterTable table,
      OutputSelector output,
      Optional<List<String>> inputNames,
      Taps taps) {
    this.manager = manager;
    this.block = block;
    this.kernels = kernels;
    this.table = table;
    this.output = output;
    this.inputNames = inputNames;
    this.taps = taps;
  }

  static TorchModel load(NDManager parent, Kernels kernels, Path graph, OutputSelector output)
      throws ModelException {
    GraphArchive archive = GraphArchive.read(graph, TorchRuntime.name(parent.getDevice()));
    PtNDManager manager = (PtNDManager) parent.newSubManager();
    boolean loaded = false;
    try {
      Kernels.enter();
      Set<String> buffers = archive.buffers();
      PtSymbolBlock block = loadBlock(manager, archive, graph);
      JniUtils.enableInferenceMode(block); // evaluation mode: no dropout, fixed batch statistics
      NDList listed = JniUtils.moduleGetParams(block, manager);
      ParameterTable table = new ParameterTable(listed, buffers, kernels, manager);
      if (table.trainable() == 0) {
        throw new ModelException(
            "frozen-graph",
            graph
                + " has no parameter that takes gradients; save the graph without torch.jit.freeze and"
                + " with requires_grad=True");
      }
      Taps taps = Taps.of(archive, table, manager);
      loaded = true;
      return new TorchModel(manager, block, kernels, table, output, archive.inputNames(), taps);
    } finally {
      if (!loaded) {
        manager.close();
      }
    }
  }

  private static PtSymbolBlock loadBlock(PtNDManager manager, GraphArchive archive, Path graph)
      throws ModelException {
    try {
      if (!archive.needsPreparation()) {
        return loadFile(manager, graph);
      }
      Path copy = Files.createTempFile("fisherwatch-graph", ".pt");
      try {
        archive.copyPrepared(copy);
        return loadFile(manager, copy);
      } finally {
        Files.deleteIfExists(copy);
      }
    } catch (EngineException e) {
      throw Kernels.failure("bad-graph", graph + " cannot be loaded", e);
    } catch (IOException e) {
      throw new ModelException("bad-graph", graph + " cannot be copied: " + e.getMessage(), e);
    }
  }

  private static PtSymbolBlock loadFile(PtNDManager manager, Path file) {
    return JniUtils.loadModule(manager, file, true, new String[0], new String[0], true);
  }

  @Override
  public List<Parameter> parameters() {
    return table.parameters();
  }

  @Override
  public Map<String, String> aliases() {
    return table.aliases();
  }

  @Override
  public Optional<List<String>> inputNames() {
    return inputNames;
  }

  @Override
  public void replaceWeights(FileChannel file, String name, Optional<String> sha256)
      throws ModelException {
    Kernels.enter();
    WeightsReplacement replacement = new WeightsReplacement(table, kernels, manager);
    replacement.check(file, name, sha256);
    mixed = true;
    replacement.copy(file, name, sha256);
    mixed = false;
  }

  @Override
  public BoundBatch bind(List<HostTensor> inputs) throws ModelException {
    if (mixed) {
      throw new ModelException(
          "checkpoint-unavailable",
          "the model's weights were replaced half-way only; a good checkpoint makes it whole again");
    }
    if (inputs.isEmpty()) {
      throw new ModelException("missing-input", "the batch holds no input");
    }
    long examples = -1;
    for (HostTensor input : inputs) {
      if (input.dimensions() == 0 || (examples >= 0 && input.size(0) != examples)) {
        throw new ModelException(
            "shape-mismatch",
            "the inputs " + inputs + " differ in their first dimension, which is the example");
      }
      examples = input.size(0);
    }
    if (examples > MOST_EXAMPLES) {
      throw new ModelException(
          "shape-mismatch",
          "the batch says that it has "
              + examples
              + " examples; "
              + MOST_EXAMPLES
              + " are allowed");
    }
    if (examples == 0) {
      throw new ModelException("empty-batch", "the batch holds no example");
    }
    PtNDManager scope = (PtNDManager) manager.newSubManager();
    try {
      NDList arrays = new NDList();
      for (HostTensor input : inputs) {
        arrays.add(HostTensors.toDevice(input, scope));
      }
      return new TorchBatch(this, scope, arrays, Math.toIntExact(examples));
    } catch (ModelException | RuntimeException e) {
      scope.close();
      throw e;
    }
  }

  @Override
  public Optional<String> plainReason() {
    return taps.plainReason();
  }

  @Override
  public void keepPlain(String reason) {
    taps.keepPlain(reason);
  }

  @Override
  public TorchDiagonal newDiagonal() {
    Kernels.enter();
    PtNDManager scope = (PtNDManager) manager.newSubManager();
    NDList arrays = new NDList();
    for (int i = 0; i < table.trainable(); i++) {
      NDArray parameter = table.differentiated().get(i);
      arrays.add(scope.zeros(parameter.getShape(), DataType.FLOAT32));
    }
    return new TorchDiagonal(scope, kernels, table, arrays);
  }

  @Override
  public int usefulThreads() {
    return isOnGpu() ? 1 : JniUtils.getNumThreads();
  }

  @Override
  public void useCores(int cores) {
    if (!isOnGpu()) {
      JniUtils.setNumThreads(cores);
    }
  }

  @Override
  public GradientMemory newGradientMemory(int capacity) {
    if (capacity < 1) {
      throw new IllegalArgumentException("a memory of " + capacity + " gradients");
    }
    return new TorchGradientMemory(newManager(), table.differentiated(), capacity);
  }

  boolean isOnGpu() {
    return manager.getDevice().isGpu();
  }

  PtSymbolBlock block() {
    return block;
  }

  PtNDManager newManager() {
    return (PtNDManager) manager.newSubManager();
  }

  Kernels kernels() {
    return kernels;
  }

  ParameterTable table() {
    return table;
  }

  Taps taps() {
    return taps;
  }

  OutputSelector output() {
    return output;
  }

  @Override
  public void close() {
    manager.close();
  }
}
