package io.fisherwatch.safetensors;

/** The two 16-bit floating-point formats, widened exactly. */
final class HalfFloats {

  private HalfFloats() {}

  /** IEEE 754 binary16: 1 sign, 5 exponent, 10 fraction bits. */
  static float fromHalf(short bits) {
    int sign = (bits & 0x8000) << 16;
    int exponent = (bits >>> 10) & 0x1f;
    int fraction = bits & 0x3ff;
    if (exponent == 0x1f) { // infinity, NaN
      return Float.intBitsToFloat(sign | 0x7f800000 | (fraction << 13));
    }
    if (exponent == 0) { // zero, subnormal: fraction · 2⁻²⁴
      float magnitude = fraction * 0x1p-24f;
      return sign == 0 ? magnitude : -magnitude;
    }
    return Float.intBitsToFloat(sign | ((exponent + 112) << 23) | (fraction << 13));
  }

  /** bfloat16: the upper half of a binary32. */
  static float fromBfloat(short bits) {
    return Float.intBitsToFloat(bits << 16);
  }
}
