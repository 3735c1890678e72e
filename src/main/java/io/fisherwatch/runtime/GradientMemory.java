package io.fisherwatch.runtime;

/**
 * The latest gradients, whole, on the model's device: as many as were asked for, the oldest
 * forgotten first. Close it before its model.
 */
public interface GradientMemory extends AutoCloseable {

  /** How many gradients fit. */
  int capacity();

  /** Forgets all. */
  void clear();

  @Override
  void close();
}
