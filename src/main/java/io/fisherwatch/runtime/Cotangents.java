package io.fisherwatch.runtime;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;

/**
 * One cotangent for every row of some logits, in the precision of these; zero until set. A direct
 * buffer that is filled again and again; for one thread.
 */
public final class Cotangents {

  private final int rows;
  private final int classes;
  private final boolean wide;
  private final ByteBuffer values;
  private final FloatBuffer floats;
  private final DoubleBuffer doubles;
  private boolean zero = true;

  /** All zero, as many as the logits. */
  public Cotangents(Logits logits) {
    this.rows = logits.rows();
    this.classes = logits.classes();
    this.wide = logits.isDouble();
    int count = Math.multiplyExact(rows, classes);
    this.values =
        ByteBuffer.allocateDirect(Math.multiplyExact(count, wide ? 8 : 4))
            .order(ByteOrder.nativeOrder());
    this.floats = values.asFloatBuffer();
    this.doubles = values.asDoubleBuffer();
  }

  /**
   * Sets the cotangent of one row.
   *
   * @return whether any of it is not zero
   */
  public boolean set(int row, double[] cotangent) {
    int start = row * classes;
    boolean any = false;
    for (int i = 0; i < classes; i++) {
      double u = cotangent[i];
      if (wide) {
        doubles.put(start + i, u);
      } else {
        floats.put(start + i, (float) u);
      }
      any |= u != 0;
    }
    zero &= !any;
    return any;
  }

  /** A copy of one row's cotangent. */
  public double[] row(int row) {
    double[] cotangent = new double[classes];
    for (int i = 0; i < classes; i++) {
      int place = row * classes + i;
      cotangent[i] = wide ? doubles.get(place) : floats.get(place);
    }
    return cotangent;
  }

  /** Sets all to zero. */
  public void clear() {
    for (int i = 0; !zero && i < floats.capacity(); i++) {
      floats.put(i, 0);
    }
    zero = true;
  }

  /**
   * Whether nothing but zeros has been set since the last {@link #clear()}: such cotangents pull
   * back to zero.
   */
  public boolean isZero() {
    return zero;
  }

  /** The number of rows. */
  public int rows() {
    return rows;
  }

  /** The width of a row. */
  public int classes() {
    return classes;
  }

  /** Whether the values are double, not float. */
  public boolean isDouble() {
    return wide;
  }

  /** The values in native byte order, positioned at 0. */
  public ByteBuffer data() {
    return values.duplicate().order(ByteOrder.nativeOrder());
  }
}
