package io.fisherwatch.djl;

import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.pytorch.engine.PtNDManager;
import io.fisherwatch.runtime.Cotangents;
import io.fisherwatch.runtime.DiagonalArray;
import io.fisherwatch.runtime.ExamplePass;
import io.fisherwatch.runtime.Gradient;
import io.fisherwatch.runtime.GradientMemory;
import io.fisherwatch.runtime.Logits;
import io.fisherwatch.runtime.ModelException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A forward pass that holds on to its layers' outputs and inputs: one backward pass to the outputs
 * gives δ there, from which every example's gradient follows. No weight's gradient is computed on
 * the way.
 */
final class TorchExamplePass implements ExamplePass {

  private final TorchModel model;
  private final TorchForwardPass pass;
  private final PtNDManager manager;
  private final NDList outputs = new NDList();
  private final NDList features = new NDList();
  private final NDArray sizes;

  /**
   * @param pass the pass of which this is more
   * @param results logits, and each tap's output and features in turn
   */
  TorchExamplePass(TorchModel model, TorchForwardPass pass, NDList results, PtNDManager manager)
      throws ModelException {
    this.model = model;
    this.pass = pass;
    this.manager = manager;
    int examples = pass.logits().examples();
    for (int i = 1; i < results.size(); i++) {
      NDArray tap = results.get(i);
      if (tap.getShape().dimension() < 1 || tap.getShape().get(0) != examples) {
        throw new ModelException("shape-mismatch", "a tap is " + tap.getShape());
      }
      (i % 2 == 1 ? outputs : features).add(tap);
    }
    if (outputs.size() != features.size() || outputs.size() < model.taps().table().taps()) {
      throw new ModelException("shape-mismatch", "the graph returns " + outputs.size() + " taps");
    }
    this.sizes = model.kernels().call(manager, "sizes", features).get(0);
  }

  /** What the taps take. */
  long bytes() {
    long bytes = 0;
    for (int tap = 0; tap < outputs.size(); tap++) {
      NDArray output = outputs.get(tap);
      NDArray given = features.get(tap);
      bytes += output.size() * output.getDataType().getNumOfBytes();
      bytes += given.size() * given.getDataType().getNumOfBytes();
    }
    return bytes;
  }

  @Override
  public Logits logits() {
    return pass.logits();
  }

  @Override
  public Gradient pullBack(
      Cotangents cotangents, @Nullable DiagonalArray squares, @Nullable GradientMemory memory)
      throws ModelException {
    return pass.pullBack(cotangents, squares, memory);
  }

  @Override
  public List<Gradient> pullBackTogether(List<Cotangents> all) throws ModelException {
    return pass.pullBackTogether(all);
  }

  @Override
  public List<Gradient> pullBackEach(Cotangents cotangents, @Nullable DiagonalArray squares)
      throws ModelException {
    Optional<List<Gradient>> gradients = contract(cotangents, squares);
    return gradients.isPresent() ? gradients.get() : oneByOne(cotangents, squares);
  }

  /**
   * As above, by the taps and nothing else: empty, with nothing added, if something could overflow.
   */
  Optional<List<Gradient>> contract(Cotangents cotangents, @Nullable DiagonalArray squares)
      throws ModelException {
    try (PtNDManager scope = (PtNDManager) manager.newSubManager()) {
      NDList results =
          model
              .kernels()
              .call(
                  scope,
                  "squares_each",
                  pass.output(),
                  pass.onDevice(cotangents, scope),
                  new boolean[] {squares != null},
                  model.taps().rules(),
                  model.taps().members(),
                  sizes,
                  outputs,
                  features,
                  model.table().owners(),
                  TorchForwardPass.sums(squares, scope));
      if (results.get(1).getLong() == 0) {
        return Optional.empty();
      }
      return Optional.of(gradients(results.get(0).toDoubleArray()));
    } catch (EngineException e) {
      throw new ModelException(
          "no-gradient", "the graph's taps cannot be pulled back: " + Kernels.reason(e), e);
    }
  }

  private List<Gradient> gradients(double[] norms) {
    ParameterTable table = model.table();
    int width = table.trainable();
    List<Gradient> gradients = new ArrayList<>();
    for (int start = 0; start < norms.length; start += width) {
      double[] squared = new double[table.parameters().size()];
      for (int i = 0; i < squared.length; i++) {
        squared[i] = table.slot(i) < 0 ? -1 : norms[start + table.slot(i)];
      }
      gradients.add(new Gradient(squared, new long[squared.length]));
    }
    return gradients;
  }

  /** Something overflows, or is not finite already: the plain way counts what and where. */
  private List<Gradient> oneByOne(Cotangents cotangents, @Nullable DiagonalArray squares) {
    Logits logits = pass.logits();
    List<Gradient> gradients = new ArrayList<>();
    Cotangents one = new Cotangents(logits);
    for (int example = 0; example < logits.examples(); example++) {
      one.clear();
      for (int position = 0; position < logits.positions(); position++) {
        int row = example * logits.positions() + position;
        one.set(row, cotangents.row(row));
      }
      gradients.add(pass.pullBack(one, squares, null));
    }
    return gradients;
  }

  @Override
  public void close() {
    pass.close();
  }
}
