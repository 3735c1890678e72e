package io.fisherwatch.estimate;

/**
 * The factor between a noisy entry of a diagonal and the true one: χ²_K/K, the noise of an entry
 * that K independent probes and many signs make. An entry that few signs dominate has less, so that
 * what is left open by this is rather too much.
 *
 * @param least below which the factor is in 2.5 % of cases
 * @param most above which it is in 2.5 %
 */
public record ProbeNoise(double least, double most) {

  /** Of entries that are the means of so many probes. */
  public static ProbeNoise of(double probes) {
    return new ProbeNoise(
        ChiSquare.quantile(probes, 0.025) / probes, ChiSquare.quantile(probes, 0.975) / probes);
  }
}
