package io.fisherwatch.safetensors;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * A dense tensor in the memory of the JVM, row-major and little-endian. Immutable: the data is
 * handed out as read-only views.
 */
public final class HostTensor {

  private final Dtype dtype;
  private final long[] shape;
  private final ByteBuffer data;

  private HostTensor(Dtype dtype, long[] shape, ByteBuffer data) {
    this.dtype = dtype;
    this.shape = shape;
    this.data = data;
  }

  /**
   * Wraps a buffer's remaining bytes, which must not change afterwards.
   *
   * @throws IllegalArgumentException if their number is not what the shape needs
   */
  public static HostTensor of(Dtype dtype, long[] shape, ByteBuffer data) {
    long bytes = Math.multiplyExact(elements(shape), (long) dtype.bytes());
    if (bytes != data.remaining()) {
      throw new IllegalArgumentException(
          dtype + Arrays.toString(shape) + " needs " + bytes + " bytes, not " + data.remaining());
    }
    return new HostTensor(
        dtype, shape.clone(), data.slice().asReadOnlyBuffer().order(ByteOrder.LITTLE_ENDIAN));
  }

  /** The type of the elements. */
  public Dtype dtype() {
    return dtype;
  }

  /** A copy of the dimensions. */
  public long[] shape() {
    return shape.clone();
  }

  /** The number of dimensions; 0 for a scalar. */
  public int dimensions() {
    return shape.length;
  }

  /** The length of a dimension. */
  public long size(int dimension) {
    return shape[dimension];
  }

  /** The number of elements. */
  public long elements() {
    return elements(shape);
  }

  /** The bytes, read-only and little-endian, positioned at 0. */
  public ByteBuffer data() {
    return data.duplicate().order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * The rows {@code from} (inclusive) to {@code to} (exclusive) of the first dimension, without a
   * copy.
   *
   * @throws IndexOutOfBoundsException if they are not all there
   */
  public HostTensor rows(int from, int to) {
    if (shape.length == 0 || from < 0 || from > to || to > shape[0]) {
      throw new IndexOutOfBoundsException(
          "rows " + from + " to " + to + " of " + Arrays.toString(shape));
    }
    int rowBytes = shape[0] == 0 ? 0 : (int) (data.limit() / shape[0]);
    long[] rows = shape.clone();
    rows[0] = (long) to - from;
    return new HostTensor(
        dtype,
        rows,
        data.slice(from * rowBytes, (to - from) * rowBytes).order(ByteOrder.LITTLE_ENDIAN));
  }

  /**
   * The elements as integers.
   *
   * @throws IllegalStateException if they are real numbers
   */
  public long[] toLongs() {
    ByteBuffer bytes = data();
    long[] values = new long[Math.toIntExact(elements())];
    for (int i = 0; i < values.length; i++) {
      values[i] =
          switch (dtype) {
            case BOOL, I8 -> bytes.get(i);
            case U8 -> Byte.toUnsignedLong(bytes.get(i));
            case I16 -> bytes.getShort(2 * i);
            case I32 -> bytes.getInt(4 * i);
            case I64 -> bytes.getLong(8 * i);
            case F16, BF16, F32, F64 ->
                throw new IllegalStateException(dtype + " holds real numbers, not integers");
          };
    }
    return values;
  }

  /** The same numbers as F32 if they are 16-bit floats, which loses nothing; else this. */
  public HostTensor widened() {
    if (dtype != Dtype.F16 && dtype != Dtype.BF16) {
      return this;
    }
    ByteBuffer from = data();
    int count = Math.toIntExact(elements());
    ByteBuffer floats =
        ByteBuffer.allocate(Math.multiplyExact(count, Float.BYTES)).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < count; i++) {
      short bits = from.getShort(2 * i);
      floats.putFloat(dtype == Dtype.F16 ? HalfFloats.fromHalf(bits) : HalfFloats.fromBfloat(bits));
    }
    return of(Dtype.F32, shape, floats.flip());
  }

  /** The elements as real numbers; integers beyond 2⁵³ are rounded. */
  public double[] toDoubles() {
    if (!dtype.isFloating()) {
      return Arrays.stream(toLongs()).asDoubleStream().toArray();
    }
    ByteBuffer bytes = data();
    double[] values = new double[Math.toIntExact(elements())];
    for (int i = 0; i < values.length; i++) {
      values[i] =
          switch (dtype) {
            case F16 -> HalfFloats.fromHalf(bytes.getShort(2 * i));
            case BF16 -> HalfFloats.fromBfloat(bytes.getShort(2 * i));
            case F32 -> bytes.getFloat(4 * i);
            default -> bytes.getDouble(8 * i);
          };
    }
    return values;
  }

  @Override
  public String toString() {
    return dtype + Arrays.toString(shape);
  }

  private static long elements(long[] shape) {
    long elements = 1;
    for (long size : shape) {
      if (size < 0) {
        throw new IllegalArgumentException("negative dimension in " + Arrays.toString(shape));
      }
      elements = Math.multiplyExact(elements, size);
    }
    return elements;
  }
}
