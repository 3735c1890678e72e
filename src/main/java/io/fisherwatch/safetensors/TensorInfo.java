package io.fisherwatch.safetensors;

import java.util.List;

/**
 * What the header of a file says of one tensor, after it has been checked.
 *
 * @param name its name, unique in the file
 * @param dtype the type of its elements
 * @param shape its dimensions, outermost first; empty for a scalar
 * @param begin its first byte, counted from the end of the header
 * @param end the byte after its last
 */
public record TensorInfo(String name, Dtype dtype, List<Long> shape, long begin, long end) {

  /** Copies the shape. */
  public TensorInfo {
    shape = List.copyOf(shape);
  }

  /** The number of bytes. */
  public long bytes() {
    return end - begin;
  }

  /** The number of elements. */
  public long elements() {
    return bytes() / dtype.bytes();
  }

  /** The dimensions as an array. */
  long[] dimensions() {
    return shape.stream().mapToLong(Long::longValue).toArray();
  }
}
