package io.fisherwatch.safetensors;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;

/** A tensor to be written, whose bytes are asked for once, when their turn comes. */
public interface TensorSource {

  /** How much of a file is in memory at a time. */
  int CHUNK_BYTES = 1 << 22;

  /** Its name, unique in the file. */
  String name();

  /** The type of its elements. */
  Dtype dtype();

  /** Its dimensions, outermost first. */
  long[] shape();

  /** Writes its elements, row-major and little-endian, exactly as many as the shape needs. */
  void writeTo(OutputStream out) throws IOException;

  /** A tensor of an open file, under a name. */
  static TensorSource of(SafetensorsReader file, TensorInfo tensor, String name) {
    return new NamedTensor(
        name,
        tensor.dtype(),
        tensor.dimensions(),
        out -> {
          WritableByteChannel channel = Channels.newChannel(out);
          file.stream(
              tensor,
              CHUNK_BYTES,
              (offset, chunk) -> {
                while (chunk.hasRemaining()) {
                  channel.write(chunk);
                }
              });
        });
  }

  /** A tensor that lies in memory. */
  static TensorSource of(String name, HostTensor tensor) {
    return new NamedTensor(
        name, tensor.dtype(), tensor.shape(), out -> Channels.newChannel(out).write(tensor.data()));
  }
}
