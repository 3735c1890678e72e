package io.fisherwatch.likelihood;

/** Searches for keys whose probes draw given signs, so that golden signs can be fed to a core. */
final class CategoricalProbe {

  private CategoricalProbe() {}

  static double[] fisher(double[] z, double[] signs) {
    double[] u = new double[z.length];
    Likelihood.categorical().core(z).fisher(withSigns(signs), u);
    return u;
  }

  static double[] upper(double[] z, double[] signs) {
    double[] u = new double[z.length];
    Likelihood.categorical().core(z).upper(withSigns(signs), u);
    return u;
  }

  static double[] remainder(double[] z, double[] signs) {
    double[] u = new double[z.length];
    Likelihood.categorical().core(z).remainder(1, withSigns(signs), u);
    return u;
  }

  private static Probe withSigns(double[] signs) {
    for (long key = 0; ; key++) {
      Probe probe = Probe.of(Distribution.RADEMACHER, key);
      int drawn = 0;
      while (drawn < signs.length && probe.next() == signs[drawn]) {
        drawn++;
      }
      if (drawn == signs.length) {
        return Probe.of(Distribution.RADEMACHER, key);
      }
    }
  }
}
