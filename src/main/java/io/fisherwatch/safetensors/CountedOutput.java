package io.fisherwatch.safetensors;

import java.io.IOException;
import java.io.OutputStream;

/** Lets a tensor's bytes through, no more and no fewer than its header entry says. */
final class CountedOutput extends OutputStream {

  private final OutputStream out;
  private final String name;
  private final long expected;
  private long written;

  CountedOutput(OutputStream out, String name, long expected) {
    this.out = out;
    this.name = name;
    this.expected = expected;
  }

  @Override
  public void write(int value) throws IOException {
    count(1);
    out.write(value);
  }

  @Override
  public void write(byte[] bytes, int offset, int length) throws IOException {
    count(length);
    out.write(bytes, offset, length);
  }

  void checkComplete() throws IOException {
    if (written != expected) {
      throw wrong(written);
    }
  }

  private void count(int length) throws IOException {
    written += length;
    if (written > expected) {
      throw wrong(written);
    }
  }

  private IOException wrong(long bytes) {
    return new IOException(
        "tensor "
            + SafetensorsException.quote(name)
            + " should have "
            + expected
            + " bytes, but its source wrote "
            + bytes);
  }
}
