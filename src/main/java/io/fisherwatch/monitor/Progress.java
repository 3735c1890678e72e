package io.fisherwatch.monitor;

/** Hears how far a batch has come. Called on the thread that works on it. */
@FunctionalInterface
public interface Progress {

  /** Hears nothing. */
  Progress NONE = (done, examples) -> {};

  /** So many of the batch's examples have been worked on. */
  void examplesDone(int done, int examples);
}
