package io.fisherwatch.runtime;

/** What is left of a gradient g once it has been reduced on the device, parameter by parameter. */
public final class Gradient {

  private static final long[] NOTHING = {};
  private static final double[][] NOT_COMPARED = {};

  private final double[] squaredNorms;

  /** By parameter; empty if all values are finite. */
  private final long[] nonFinite;

  private final double[][] innerProducts;

  /**
   * @param squaredNorms ‖g‖² by parameter, summed in double; −1 where no gradient path leads to the
   *     parameter
   * @param nonFinite non-finite values by parameter
   */
  public Gradient(double[] squaredNorms, long[] nonFinite) {
    this(squaredNorms, nonFinite, NOT_COMPARED);
  }

  /**
   * @param innerProducts with the gradients before it, the latest first, by parameter; 0 where no
   *     path leads to it
   */
  public Gradient(double[] squaredNorms, long[] nonFinite, double[][] innerProducts) {
    this.squaredNorms = squaredNorms.clone();
    this.nonFinite = nonFinite.clone();
    this.innerProducts = innerProducts.clone();
  }

  /**
   * A gradient of finite values, compared with none.
   *
   * @param squaredNorms as above; they are the gradient's from now on
   */
  public static Gradient finite(double[] squaredNorms) {
    return new Gradient(squaredNorms);
  }

  private Gradient(double[] squaredNorms) {
    this.squaredNorms = squaredNorms;
    this.nonFinite = NOTHING;
    this.innerProducts = NOT_COMPARED;
  }

  /** Whether a gradient path leads to the parameter. */
  public boolean reaches(int parameter) {
    return squaredNorms[parameter] != -1;
  }

  /** ‖g‖² of one parameter; 0 where no path leads to it. */
  public double squaredNorm(int parameter) {
    return reaches(parameter) ? squaredNorms[parameter] : 0;
  }

  /** Non-finite values in one parameter's gradient. */
  public long nonFinite(int parameter) {
    return nonFinite.length == 0 ? 0 : nonFinite[parameter];
  }

  /** How many earlier gradients it was compared with. */
  public int compared() {
    return innerProducts.length;
  }

  /** The inner product with the gradient so many before this one, from 1, over one parameter. */
  public double innerProduct(int before, int parameter) {
    return innerProducts[before - 1][parameter];
  }

  /** Whether every value is finite. */
  public boolean isFinite() {
    for (long count : nonFinite) {
      if (count > 0) {
        return false;
      }
    }
    return true;
  }
}
