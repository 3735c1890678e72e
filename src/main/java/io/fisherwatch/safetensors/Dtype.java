package io.fisherwatch.safetensors;

/** The element types of the safetensors format that Fisherwatch reads. */
public enum Dtype {
  BOOL(1),
  U8(1),
  I8(1),
  I16(2),
  I32(4),
  I64(8),
  F16(2),
  BF16(2),
  F32(4),
  F64(8);

  private final int bytes;

  Dtype(int bytes) {
    this.bytes = bytes;
  }

  /** Bytes of one element. */
  public int bytes() {
    return bytes;
  }

  /** Whether elements are real numbers rather than integers or truth values. */
  public boolean isFloating() {
    return this == F16 || this == BF16 || this == F32 || this == F64;
  }
}
