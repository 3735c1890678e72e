package io.fisherwatch.monitor;

import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.snapshot.Figures;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/**
 * What a {@link FisherMonitor} has accumulated, but for its diagonal: small, immutable, to be
 * merged with that of monitors that have seen other batches of the same run.
 */
@SuppressWarnings("DoNotCallSuggester")
public final class MonitorShare {

  private MonitorShare() {}

  /** What is not of one layer: counts, settings, means in the core space, names and sizes. */
  public Map<String, HostTensor> header() {
    throw new UnsupportedOperationException();
  }

  /** The whole model first, under {@code _total}, then the layers in the model's order. */
  public List<String> layers() {
    throw new UnsupportedOperationException();
  }

  /**
   * The accumulators of one layer.
   *
   * @throws IllegalArgumentException for an unknown name
   */
  public Map<String, HostTensor> layer(String name) {
    throw new UnsupportedOperationException(name);
  }

  /**
   * Reads one back.
   *
   * @param layers by name
   * @throws IOException if a tensor is missing or not what it should be
   */
  public static MonitorShare of(
      Map<String, HostTensor> header, Map<String, Map<String, HostTensor>> layers)
      throws IOException {
    throw new IOException("not read yet: " + header.size() + layers.size());
  }

  /**
   * Merges shares, each aged by a factor (Chan, Golub and LeVeque 1979).
   *
   * @param shares of disjoint batches, one at least
   * @param ageFactors by share, 0 to 1
   * @throws IllegalArgumentException if they are not of one model; the message names the first
   *     difference
   */
  public static MonitorShare merge(List<MonitorShare> shares, double[] ageFactors) {
    throw new UnsupportedOperationException(shares.size() + " " + ageFactors.length);
  }

  /** The figures; without those of the diagonal. */
  public Figures figures() {
    throw new UnsupportedOperationException();
  }

  /** How many equally weighted batches the figures are worth; 0 before the first. */
  public double effectiveBatches() {
    throw new UnsupportedOperationException();
  }

  /** How many steps the figures look back from a step, on average. */
  public double lagSteps(long step) {
    throw new UnsupportedOperationException(Long.toString(step));
  }

  /** The weight of everything so far, in examples. */
  public double weight() {
    throw new UnsupportedOperationException();
  }
}
