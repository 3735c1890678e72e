package io.fisherwatch.safetensors;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;

/** A tensor to be written, whose bytes are asked for once, when their turn comes. */
public interface TensorSource {

  /** Its name, unique in the file. */
  String name();

  /** The type of its elements. */
  Dtype dtype();

  /** Its dimensions, outermost first. */
  long[] shape();

  /** Writes its elements, row-major and little-endian, exactly as many as the shape needs. */
  void writeTo(OutputStream out) throws IOException;

  /** A tensor that lies in memory. */
  static TensorSource of(String name, HostTensor tensor) {
    return new TensorSource() {
      @Override
      public String name() {
        return name;
      }

      @Override
      public Dtype dtype() {
        return tensor.dtype();
      }

      @Override
      public long[] shape() {
        return tensor.shape();
      }

      @Override
      public void writeTo(OutputStream out) throws IOException {
        Channels.newChannel(out).write(tensor.data());
      }
    };
  }
}
