package io.fisherwatch.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.pytorch.engine.PtNDManager;
import io.fisherwatch.runtime.GradientMemory;

/** A ring of gradients, each a list of tensors in the order of the differentiated parameters. */
final class TorchGradientMemory implements GradientMemory {

  private final PtNDManager manager;
  private final NDList like;
  private final NDList arrays = new NDList();
  private final int capacity;
  private long written;

  /**
   * @param like what gradients are taken of
   */
  TorchGradientMemory(PtNDManager manager, NDList like, int capacity) {
    this.manager = manager;
    this.like = like;
    this.capacity = capacity;
  }

  /** Capacity × parameters tensors, gradient by gradient; made when the first is kept. */
  NDList arrays() {
    if (arrays.isEmpty()) {
      Kernels.enter();
      for (int place = 0; place < capacity; place++) {
        for (NDArray parameter : like) {
          arrays.add(manager.zeros(parameter.getShape(), parameter.getDataType()));
        }
      }
    }
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
