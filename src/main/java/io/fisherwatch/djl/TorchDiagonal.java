package io.fisherwatch.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.pytorch.engine.PtNDManager;
import io.fisherwatch.runtime.DiagonalArray;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.function.Consumer;

/** Float32 arrays beside the trainable parameters. */
final class TorchDiagonal implements DiagonalArray {

  private static final long CHUNK = 1 << 20;

  private final PtNDManager manager;
  private final Kernels kernels;
  private final ParameterTable table;
  private final NDList arrays;

  TorchDiagonal(PtNDManager manager, Kernels kernels, ParameterTable table, NDList arrays) {
    this.manager = manager;
    this.kernels = kernels;
    this.table = table;
    this.arrays = arrays;
  }

  NDList arrays() {
    return arrays;
  }

  @Override
  public void averageIn(
      DiagonalArray sums, double scale, double share, DiagonalArray scatter, double weight) {
    try (PtNDManager scope = (PtNDManager) manager.newSubManager()) {
      kernels.call(
          scope,
          "average",
          new double[] {scale, share, weight * (1 - share)},
          arrays,
          ((TorchDiagonal) scatter).arrays,
          ((TorchDiagonal) sums).arrays);
    }
  }

  @Override
  public DiagonalArray copy() {
    NDManager runtime = manager.getParentManager().getParentManager(); // above the model's
    PtNDManager scope = (PtNDManager) runtime.newSubManager();
    NDList copies = new NDList();
    for (NDArray array : arrays) {
      copies.add(scope.zeros(array.getShape(), DataType.FLOAT32));
    }
    TorchDiagonal copy = new TorchDiagonal(scope, kernels, table, copies);
    copy.add(this, 1);
    return copy;
  }

  @Override
  public void add(DiagonalArray other, double factor) {
    try (PtNDManager scope = (PtNDManager) manager.newSubManager()) {
      kernels.call(scope, "combine", factor, arrays, ((TorchDiagonal) other).arrays);
    }
  }

  @Override
  public void scale(double factor) {
    try (PtNDManager scope = (PtNDManager) manager.newSubManager()) {
      kernels.call(scope, "scale", factor, arrays);
    }
  }

  @Override
  public void clear() {
    try (PtNDManager scope = (PtNDManager) manager.newSubManager()) {
      kernels.call(scope, "fill", 0.0, arrays);
    }
  }

  @Override
  public void squareRoot() {
    try (PtNDManager scope = (PtNDManager) manager.newSubManager()) {
      kernels.call(scope, "square_root", arrays);
    }
  }

  @Override
  public long undetermined(
      DiagonalArray scatter, double factor, double quantile, double threshold, int... parameters) {
    NDList means = new NDList();
    NDList scatters = new NDList();
    for (int parameter : parameters) {
      means.add(array(parameter));
      scatters.add(((TorchDiagonal) scatter).array(parameter));
    }
    try (PtNDManager scope = (PtNDManager) manager.newSubManager()) {
      double[] settings = {factor, quantile, threshold};
      return kernels.call(scope, "undetermined", settings, means, scatters).get(0).toLongArray()[0];
    }
  }

  /** Σ|x| of each array, in the order of the gradients. */
  double[] absoluteSums() {
    try (PtNDManager scope = (PtNDManager) manager.newSubManager()) {
      return kernels.call(scope, "absolute_sums", arrays).get(0).toDoubleArray();
    }
  }

  @Override
  public long[] histogram(int... parameters) {
    if (!manager.getDevice().isGpu()) {
      HostHistogram counted = new HostHistogram();
      for (int parameter : parameters) {
        counted.add(array(parameter), manager);
      }
      return counted.counts();
    }
    NDList chosen = new NDList();
    for (int parameter : parameters) {
      chosen.add(array(parameter));
    }
    try (PtNDManager scope = (PtNDManager) manager.newSubManager()) {
      return kernels.call(scope, "histogram", chosen).get(0).toLongArray();
    }
  }

  @Override
  public void read(int parameter, Consumer<ByteBuffer> sink) {
    NDArray array = array(parameter);
    long size = array.size();
    for (long start = 0; start < size; start += CHUNK) {
      long end = Math.min(size, start + CHUNK);
      try (PtNDManager scope = (PtNDManager) manager.newSubManager()) {
        NDArray flat = array.flatten();
        flat.attach(scope);
        NDArray chunk = flat.get(new NDIndex(start + ":" + end));
        chunk.attach(scope);
        sink.accept(chunk.toByteBuffer(false).order(ByteOrder.LITTLE_ENDIAN));
      }
    }
  }

  @Override
  public void write(int parameter, long offset, ByteBuffer chunk) {
    long count = chunk.remaining() / Float.BYTES;
    ByteBuffer direct = ByteBuffer.allocateDirect(chunk.remaining()).order(ByteOrder.LITTLE_ENDIAN);
    direct.put(chunk.duplicate()).flip();
    try (PtNDManager scope = (PtNDManager) manager.newSubManager()) {
      NDArray values =
          scope.create(direct, new ai.djl.ndarray.types.Shape(count), DataType.FLOAT32);
      kernels.call(scope, "write", array(parameter), offset, values);
    }
  }

  private NDArray array(int parameter) {
    int slot = table.slot(parameter);
    if (slot < 0) {
      throw new IllegalArgumentException(
          table.parameters().get(parameter).name() + " takes no gradients and has no diagonal");
    }
    return arrays.get(slot);
  }

  @Override
  public void close() {
    manager.close();
  }
}
