package io.fisherwatch.runtime;

import java.util.Arrays;
import java.util.List;

/**
 * The dimensions of a tensor.
 *
 * @param dimensions none of them negative; empty for a scalar
 */
public record Shape(List<Long> dimensions) {

  public Shape {
    dimensions = List.copyOf(dimensions);
  }

  /** A shape of the given dimensions. */
  public static Shape of(long... dimensions) {
    return new Shape(Arrays.stream(dimensions).boxed().toList());
  }

  /** The number of scalars. */
  public long elements() {
    long elements = 1;
    for (long dimension : dimensions) {
      elements = Math.multiplyExact(elements, dimension);
    }
    return elements;
  }

  /** The dimensions as a new array. */
  public long[] toArray() {
    return dimensions.stream().mapToLong(Long::longValue).toArray();
  }

  @Override
  public String toString() {
    return dimensions.toString();
  }
}
