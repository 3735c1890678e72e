package io.fisherwatch.monitor;

import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.snapshot.Figures;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a {@link FisherMonitor} has accumulated, but for its diagonal: small, immutable, to be
 * merged with that of monitors that have seen other batches of the same run.
 *
 * <p>Means and scatters merge as Chan, Golub and LeVeque's (Updating formulae and a pairwise
 * algorithm for computing sample variances, 1979), sums and counts add; so the figures of merged
 * shares are, up to rounding, those of one monitor that has seen every batch, whatever the split.
 * Settings, and errors of a spectrum of fewer than three batches, are those of the last share that
 * has any.
 */
public final class MonitorShare {

  private final Ledger ledger;
  private final RunningData data;

  private MonitorShare(Ledger ledger, RunningData data) {
    this.ledger = ledger;
    this.data = data;
  }

  /** Copies of both. */
  static MonitorShare of(Ledger ledger, RunningData data) {
    Ledger counts = ledger.emptied();
    counts.merge(ledger);
    return new MonitorShare(counts, data.copy());
  }

  /** What is not of one layer: counts, settings, means in the core space, names and sizes. */
  public Map<String, HostTensor> header() {
    StateSheet sheet = new StateSheet("");
    ledger.saveWhole(sheet);
    data.saveCommon(sheet);
    return sheet.byName();
  }

  /** The whole model first, under {@code _total}, then the layers in the model's order. */
  public List<String> layers() {
    return ledger.model().slotNames();
  }

  /**
   * The layers that a header says there are.
   *
   * @throws IOException if it is not what it should be
   */
  public static List<String> layers(Map<String, HostTensor> header) throws IOException {
    return ModelOutline.read(new StateReading(header)).slotNames();
  }

  /**
   * The accumulators of one layer.
   *
   * @param slot its place among {@link #layers()}
   */
  public Map<String, HostTensor> layer(int slot) {
    StateSheet sheet = new StateSheet("");
    data.saveLayers(sheet, slot, slot + 1);
    return sheet.byName();
  }

  /**
   * Reads one back, bit for bit.
   *
   * @param layers by name
   * @throws IOException if a tensor or a layer is missing or not what it should be
   */
  public static MonitorShare of(
      Map<String, HostTensor> header, Map<String, Map<String, HostTensor>> layers)
      throws IOException {
    StateReading reading = new StateReading(header);
    Ledger ledger = Ledger.read(reading);
    List<String> names = ledger.model().slotNames();
    RunningData data = new RunningData(names.size());
    data.restoreCommon(reading);
    if (!(data.weight() >= 0 && data.weight() < Double.POSITIVE_INFINITY)) {
      throw new IOException("the weight of the batches is " + data.weight());
    }
    for (int slot = 0; slot < names.size(); slot++) {
      Map<String, HostTensor> layer = layers.get(names.get(slot));
      if (layer == null) {
        throw new IOException("layer " + names.get(slot) + " is missing");
      }
      data.restoreLayers(new StateReading(layer), slot, slot + 1);
    }
    return new MonitorShare(ledger, data);
  }

  /**
   * Merges shares in their order, each aged by a factor.
   *
   * @param shares of disjoint batches, one at least
   * @param ageFactors by share, 0 to 1
   * @throws IllegalArgumentException if they are not of one model; the message names the first
   *     difference
   */
  public static MonitorShare merge(List<MonitorShare> shares, double[] ageFactors) {
    if (shares.isEmpty() || shares.size() != ageFactors.length) {
      throw new IllegalArgumentException(
          shares.size() + " shares have " + ageFactors.length + " factors");
    }
    MonitorShare first = shares.get(0);
    Ledger latest = first.ledger;
    for (MonitorShare share : shares) {
      Optional<String> difference = first.difference(share);
      if (difference.isPresent()) {
        throw new IllegalArgumentException("a share is of another model: " + difference.get());
      }
      latest = share.ledger.isEmpty() ? latest : share.ledger;
    }
    Ledger ledger = latest.emptied();
    RunningData data = new RunningData(first.layers().size());
    for (int i = 0; i < ageFactors.length; i++) {
      ledger.merge(shares.get(i).ledger);
      data.merge(shares.get(i).aged(ageFactors[i]));
    }
    return new MonitorShare(ledger, data);
  }

  private RunningData aged(double factor) {
    if (!(factor >= 0 && factor <= 1)) {
      throw new IllegalArgumentException("factor " + factor + " is not between 0 and 1");
    }
    RunningData aged = data.copy();
    aged.age(factor);
    return aged;
  }

  /**
   * The first difference between the models of this and another, because of which they do not
   * merge.
   */
  public Optional<String> difference(MonitorShare other) {
    return ledger.difference(other.ledger);
  }

  /** Whether there is no batch in it. */
  public boolean isFresh() {
    return ledger.isEmpty();
  }

  /** The figures; without those of the diagonal. */
  public Figures figures() {
    return ledger.figures(data, List.of());
  }

  /** How many equally weighted batches the figures are worth; 0 before the first. */
  public double effectiveBatches() {
    return data.effectiveBatches();
  }

  /** How many steps the figures look back from a step, on average. */
  public double lagSteps(long step) {
    return data.lagSteps(step);
  }

  /** The weight of everything so far, in examples. */
  public double weight() {
    return data.weight();
  }
}
