package io.fisherwatch.djl;

import ai.djl.ndarray.NDList;
import ai.djl.pytorch.engine.PtNDManager;
import io.fisherwatch.runtime.GradientMemory;

/** A ring of gradients, each a list of tensors in the order of the differentiated parameters. */
final class TorchGradientMemory implements GradientMemory {

  private final PtNDManager manager;
  private final NDList arrays;
  private final int capacity;
  private long written;

  /**
   * @param arrays capacity × parameters tensors, gradient by gradient
   */
  TorchGradientMemory(PtNDManager manager, NDList arrays, int capacity) {
    this.manager = manager;
    this.arrays = arrays;
    this.capacity = capacity;
  }

  NDList arrays() {
    return arrays;
  }

  /** Where in the ring the gradients before this one lie, the latest first. */
  long[] before() {
    int kept = (int) Math.min(written, capacity);
    long[] places = new long[kept];
    for (int back = 0; back < kept; back++) {
      places[back] = (written - 1 - back) % capacity;
    }
    return places;
  }

  /** Takes the place of the oldest. */
  long nextPlace() {
    return written++ % capacity;
  }

  @Override
  public int capacity() {
    return capacity;
  }

  @Override
  public void clear() {
    written = 0;
  }

  @Override
  public void close() {
    manager.close();
  }
}
