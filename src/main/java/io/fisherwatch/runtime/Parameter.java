package io.fisherwatch.runtime;

/**
 * One tensor of a model. Names that share storage are one parameter, under the first of them.
 *
 * @param name its name in the graph
 * @param shape its dimensions
 * @param trainable whether it takes gradients; F is taken with respect to these only
 */
public record Parameter(String name, Shape shape, boolean trainable) {

  /** The number of scalars. */
  public long elements() {
    return shape.elements();
  }
}
