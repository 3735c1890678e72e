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

  /**
   * Whether examples can be squared each by itself in one pass. The first batch of a loaded model
   * finds out whether what its graph says of that is true.
   *
   * @throws ModelException as {@link #forward}
   */
  boolean squaresEach() throws ModelException;

  /**
   * Runs the model on examples that can be pulled back each by itself: as many of those that follow
   * as fit into the memory set aside for it, which {@link ForwardPass#logits} tells.
   *
   * @param from first example
   * @throws ModelException as {@link #forward}
   * @throws IllegalStateException if {@link #squaresEach} does not hold
   */
  ExamplePass forwardEach(int from) throws ModelException;

  @Override
  void close();
}
