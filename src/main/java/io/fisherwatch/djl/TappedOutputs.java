package io.fisherwatch.djl;

import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.pytorch.engine.PtNDManager;
import io.fisherwatch.runtime.ModelException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What a tapped graph returns: logits, and each layer's output and input, tap by tap. One backward
 * pass to the outputs gives δ there, from which the gradients of weights follow.
 */
final class TappedOutputs {

  private static final double[] NOT_KNOWN = {-1};

  private final TorchModel model;
  private final PtNDManager manager;
  private final NDArray logits;
  private final NDList outputs = new NDList();
  private final NDList features = new NDList();

  /** By tap, the largest Euclidean norm among the examples' features, once squares were made. */
  private @Nullable NDArray longest;

  /**
   * @param results logits, and each tap's output and features in turn
   * @param examples of the pass
   * @param manager of the pass
   */
  TappedOutputs(TorchModel model, NDList results, int examples, PtNDManager manager)
      throws ModelException {
    this.model = model;
    this.manager = manager;
    this.logits = results.get(0);
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
  }

  /** What they take. */
  long bytes() {
    return bytes(outputs) + bytes(features);
  }

  /** How many pulls through them are made in one call, at most. */
  int pullsTogether() {
    return TapBudget.pulls(bytes(outputs), bytes(new NDList(logits)));
  }

  private static long bytes(NDList arrays) {
    long bytes = 0;
    for (NDArray array : arrays) {
      bytes += array.size() * array.getDataType().getNumOfBytes();
    }
    return bytes;
  }

  /** The most rows that go through a layer: examples times positions, or more. */
  long rows() {
    long rows = 1;
    for (NDArray output : outputs) {
      long width = output.getShape().get(output.getShape().dimension() - 1);
      rows = Math.max(rows, output.size() / Math.max(1, width));
    }
    return rows;
  }

  /**
   * Every example's gradient, squared.
   *
   * @param cotangents as the logits, or of several pulls, one behind the other
   * @param groups of examples that follow one another: how many, 1 if their squares are added, and
   *     of how many pulls
   * @param sums of the groups that add, one array for each parameter
   * @return squared norms, example by parameter, −1 where no gradient path leads; empty, with
   *     nothing added, if something could overflow
   */
  Optional<double[]> squares(NDArray cotangents, long[][] groups, NDList sums, PtNDManager scope)
      throws ModelException {
    try {
      NDList results =
          model
              .kernels()
              .call(
                  scope,
                  "squares_each",
                  logits,
                  cotangents,
                  groups,
                  model.taps().rules(),
                  model.taps().members(),
                  longest == null ? NOT_KNOWN : longest,
                  outputs,
                  features,
                  model.table().owners(),
                  sums);
      if (longest == null) {
        NDArray found = results.get(2);
        found.attach(manager);
        longest = found;
      }
      return results.get(1).getLong() == 0
          ? Optional.empty()
          : Optional.of(results.get(0).toDoubleArray());
    } catch (EngineException e) {
      throw notPulledBack(e);
    }
  }

  /**
   * Gradients of the copies of a batch, or of so many pulls of one: inner products of all pairs by
   * parameter, or if they are not compared of each with itself, whether a path leads to each, and 1
   * if anything is not finite.
   */
  NDList products(NDArray cotangents, int pulls, boolean compared, PtNDManager scope)
      throws ModelException {
    try {
      return model
          .kernels()
          .call(
              scope,
              "products_of_copies",
              logits,
              cotangents,
              (long) pulls,
              new boolean[] {compared},
              model.taps().rules(),
              model.taps().members(),
              outputs,
              features,
              model.table().owners());
    } catch (EngineException e) {
      throw notPulledBack(e);
    }
  }

  private static ModelException notPulledBack(EngineException e) {
    return Kernels.failure("no-gradient", "the graph's taps cannot be pulled back", e);
  }
}
