package io.fisherwatch.runtime;

import java.nio.file.Path;

/** Loads models. An engine's door; safe for use by many threads. */
public interface ModelLoader extends AutoCloseable {

  /**
   * Loads a graph with its parameters trainable, in evaluation mode.
   *
   * @param graph a file that does not change while it is read
   * @param output which of the graph's outputs holds the logits
   * @throws ModelException {@code bad-graph} if it is no graph of the engine, {@code frozen-graph}
   *     if no parameter takes gradients
   */
  Model load(Path graph, OutputSelector output) throws ModelException;

  /** The device that models run on, in words: {@code cpu}, {@code cuda:0}. */
  String device();

  @Override
  void close();
}
