package io.fisherwatch.safetensors;

import java.io.IOException;
import java.nio.ByteBuffer;

/** Receives one tensor piece by piece. */
@FunctionalInterface
public interface ChunkSink {

  /**
   * Takes the next piece.
   *
   * @param elementOffset how many elements came before
   * @param chunk whole elements: a direct, little-endian buffer at position 0, valid during the
   *     call only
   */
  void accept(long elementOffset, ByteBuffer chunk) throws IOException;
}
