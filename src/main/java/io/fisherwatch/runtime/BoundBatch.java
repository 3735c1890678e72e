package io.fisherwatch.runtime;

/** The inputs of a batch, on the model's device. Close it before its model. */
public interface BoundBatch extends AutoCloseable {

  /** The number of examples. */
  int examples();

  /**
   * Runs the model on some of the examples and keeps what its derivative needs.
   *
   * @param from first example
   * @param to one past the last
   * @throws ModelException {@code shape-mismatch} if the graph refuses the inputs or its output is
   *     neither [examples, classes] nor [examples, positions, classes], {@code bad-output} if the
   *     selected output is not there
   */
  ForwardPass forward(int from, int to) throws ModelException;

  @Override
  void close();
}
