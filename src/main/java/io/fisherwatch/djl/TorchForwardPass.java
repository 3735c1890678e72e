package io.fisherwatch.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.DataType;
import ai.djl.pytorch.engine.PtNDManager;
import io.fisherwatch.runtime.Cotangents;
import io.fisherwatch.runtime.DiagonalArray;
import io.fisherwatch.runtime.ForwardPass;
import io.fisherwatch.runtime.Gradient;
import io.fisherwatch.runtime.Logits;
import org.jspecify.annotations.Nullable;

/** One forward pass with the graph that differentiates it. */
final class TorchForwardPass implements ForwardPass {

  private final TorchModel model;
  private final PtNDManager manager;
  private final NDArray output;
  private final Logits logits;

  TorchForwardPass(TorchModel model, PtNDManager manager, NDArray output, Logits logits) {
    this.model = model;
    this.manager = manager;
    this.output = output;
    this.logits = logits;
  }

  /** The logits on the device, with the graph behind them. */
  NDArray output() {
    return output;
  }

  @Override
  public Logits logits() {
    return logits;
  }

  @Override
  public Gradient pullBack(Cotangents cotangents, @Nullable DiagonalArray squares) {
    if (cotangents.rows() != logits.rows() || cotangents.classes() != logits.classes()) {
      throw new IllegalArgumentException(
          "cotangents are "
              + cotangents.rows()
              + " × "
              + cotangents.classes()
              + ", logits "
              + logits.rows()
              + " × "
              + logits.classes());
    }
    ParameterTable table = model.table();
    NDList differentiated = table.differentiated();
    try (PtNDManager scope = (PtNDManager) manager.newSubManager()) {
      NDList sums =
          squares == null ? new NDList(scope.create(0f)) : ((TorchDiagonal) squares).arrays();
      NDArray u =
          scope.create(
              cotangents.data(),
              output.getShape(),
              cotangents.isDouble() ? DataType.FLOAT64 : DataType.FLOAT32);
      NDList reduced =
          model
              .kernels()
              .call(
                  scope,
                  "squares",
                  output,
                  u,
                  scope.create(squares != null),
                  table.shares(),
                  differentiated,
                  sums);
      return gradient(table, reduced.get(0).toDoubleArray(), reduced.get(1).toLongArray());
    }
  }

  /** Brings the figures from the order of the gradients into that of the parameters. */
  private static Gradient gradient(ParameterTable table, double[] norms, long[] nonFinite) {
    int parameters = table.parameters().size();
    double[] squaredNorms = new double[parameters];
    long[] counts = new long[parameters];
    for (int i = 0; i < parameters; i++) {
      int slot = table.slot(i);
      squaredNorms[i] = slot < 0 ? -1 : norms[slot];
      counts[i] = slot < 0 ? 0 : nonFinite[slot];
    }
    return new Gradient(squaredNorms, counts);
  }

  @Override
  public void close() {
    manager.close();
  }
}
