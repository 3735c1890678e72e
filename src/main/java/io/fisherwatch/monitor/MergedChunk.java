package io.fisherwatch.monitor;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;

/** Some neighbouring entries of all parts' diagonals, merged in double. Its size is fixed. */
final class MergedChunk {

  private final double[] mean;
  private final double[] scatter;
  private final ByteBuffer means;
  private final ByteBuffer scatters;
  private int size;

  /**
   * @param entries at most
   */
  MergedChunk(int entries) {
    mean = new double[entries];
    scatter = new double[entries];
    means = ByteBuffer.allocate(entries * Float.BYTES);
    scatters = ByteBuffer.allocate(entries * Float.BYTES);
  }

  int capacity() {
    return mean.length;
  }

  int size() {
    return size;
  }

  double mean(int entry) {
    return mean[entry];
  }

  double scatter(int entry) {
    return scatter[entry];
  }

  /**
   * Merges the parts' entries one part after the other, as {@link
   * io.fisherwatch.estimate.DecayedMoments#merge} does (Chan, Golub and LeVeque 1979).
   *
   * @param from the first entry
   * @param entries how many
   * @param scattered whether the scatters are wanted, too
   */
  void load(
      List<DiagonalPart> parts,
      DiagonalParameter parameter,
      long from,
      int entries,
      boolean scattered)
      throws IOException {
    size = entries;
    double weight = 0;
    for (DiagonalPart part : parts) {
      part.readMeans(parameter, from, means.limit(entries * Float.BYTES));
      if (scattered) {
        part.readScatters(parameter, from, scatters.limit(entries * Float.BYTES));
      }
      add(part, weight, scattered);
      weight += part.weight();
    }
  }

  private void add(DiagonalPart part, double weight, boolean scattered) {
    double share = part.weight() / (weight + part.weight());
    double between = weight * share;
    for (int entry = 0; entry < size; entry++) {
      double before = weight == 0 ? 0 : mean[entry];
      double deviation = means.getFloat(entry * Float.BYTES) - before;
      mean[entry] = before + deviation * share;
      if (scattered) {
        double within = part.ageFactor() * scatters.getFloat(entry * Float.BYTES);
        double others = weight == 0 ? 0 : scatter[entry];
        scatter[entry] = others + within + deviation * deviation * between;
      }
    }
  }
}
