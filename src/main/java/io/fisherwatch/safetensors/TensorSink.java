package io.fisherwatch.safetensors;

import java.io.IOException;
import java.nio.ByteBuffer;

/** Receives the tensors of a file piece by piece, in the file's order. */
@FunctionalInterface
public interface TensorSink {

  /**
   * Takes the next piece. A tensor without elements comes as one empty piece.
   *
   * @param tensor the tensor that the piece belongs to
   * @param elementOffset how many of its elements came before
   * @param chunk whole elements: a direct, little-endian buffer at position 0, valid during the
   *     call only
   */
  void accept(TensorInfo tensor, long elementOffset, ByteBuffer chunk) throws IOException;
}
