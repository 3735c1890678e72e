package io.fisherwatch.snapshot;

import java.io.IOException;
import java.io.OutputStream;

/** Streams a run's running diagonal, which is too large to be a value. */
@FunctionalInterface
public interface DiagonalSource {

  /**
   * Writes the running diagonal of F as a safetensors file, one float32 tensor {@code
   * fisher/<parameter>} each.
   *
   * @return false, with nothing written, if the run is unknown or keeps no diagonal
   * @throws IOException if the stream fails
   */
  boolean writeTo(String run, OutputStream out) throws IOException;
}
