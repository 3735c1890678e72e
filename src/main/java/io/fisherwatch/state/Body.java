package io.fisherwatch.state;

import java.io.IOException;
import java.io.OutputStream;

/** The content of a file, written once. */
@FunctionalInterface
public interface Body {

  /** Writes it; the stream is not closed. */
  void writeTo(OutputStream out) throws IOException;
}
