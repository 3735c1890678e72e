package io.fisherwatch.monitor;

import io.fisherwatch.likelihood.Distribution;
import io.fisherwatch.runtime.Parameter;
import io.fisherwatch.snapshot.Bound;
import io.fisherwatch.snapshot.DiagonalFigure;
import io.fisherwatch.snapshot.Estimate;
import io.fisherwatch.snapshot.Figures;
import io.fisherwatch.snapshot.LayerFigures;
import io.fisherwatch.snapshot.Settings;
import io.fisherwatch.snapshot.TraceFigure;
import io.fisherwatch.snapshot.Uncertain;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Keeps the counts that never age, and draws up the figures from them and the statistics. */
final class Ledger {

  private final ModelOutline model;
  private final EstimatorKind kind;
  private final Distribution distribution;
  private final boolean[] covered;
  private final long[] nonFinite;
  private long examples;
  private long positions;
  private long probes;
  private int classes;
  private Plan plan = new Plan(0, 1, 1);
  private String pathReason = "";

  Ledger(ModelOutline model, EstimatorKind kind, Distribution distribution) {
    this.model = model;
    this.kind = kind;
    this.distribution = distribution;
    this.covered = new boolean[model.parameters().size()];
    this.nonFinite = new long[model.slots()];
  }

  ModelOutline model() {
    return model;
  }

  /** Enters a batch. */
  void enter(BatchEstimator.Result result) {
    BatchTally tally = result.tally();
    for (int parameter = 0; parameter < covered.length; parameter++) {
      covered[parameter] |= tally.reaches(parameter);
    }
    for (int slot = 0; slot < nonFinite.length; slot++) {
      nonFinite[slot] += tally.nonFinite(slot);
    }
    examples += result.examples();
    positions += tally.positions();
    probes += result.plan().probes();
    classes = result.classes();
    plan = result.plan();
    pathReason = result.pathReason();
  }

  /**
   * Takes in the counts of other batches, which are taken for the later ones.
   *
   * @param other of the same model and number of classes
   */
  void merge(Ledger other) {
    for (int parameter = 0; parameter < covered.length; parameter++) {
      covered[parameter] |= other.covered[parameter];
    }
    for (int slot = 0; slot < nonFinite.length; slot++) {
      nonFinite[slot] += other.nonFinite[slot];
    }
    examples += other.examples;
    positions += other.positions;
    probes += other.probes;
    if (!other.isEmpty()) {
      classes = other.classes;
      plan = other.plan;
      pathReason = other.pathReason;
    }
  }

  /** Whether no batch has been entered. */
  boolean isEmpty() {
    return examples == 0;
  }

  /** An empty one of the same model and settings. */
  Ledger emptied() {
    return new Ledger(model, kind, distribution);
  }

  /** Why two cannot be merged: the first difference of their models. */
  Optional<String> difference(Ledger other) {
    Optional<String> difference = ModelOutline.difference(other.model.text(), model.text());
    if (difference.isEmpty() && !isEmpty() && !other.isEmpty() && classes != other.classes) {
      return Optional.of("it has " + other.classes + " classes, the model has " + classes);
    }
    return difference;
  }

  /** Which parameters take gradients. */
  boolean[] trainable() {
    boolean[] trainable = new boolean[model.parameters().size()];
    for (int i = 0; i < trainable.length; i++) {
      trainable[i] = model.parameters().get(i).trainable();
    }
    return trainable;
  }

  /** Scalars of the trainable parameters, which are the entries of the diagonal. */
  long entries() {
    return model.parameters().stream()
        .filter(Parameter::trainable)
        .mapToLong(Parameter::elements)
        .sum();
  }

  /** The layers, the whole model not among them, with non-finite gradients. */
  List<String> nonFiniteLayers() {
    List<String> slots = model.slotNames();
    List<String> names = new ArrayList<>();
    for (int slot = 1; slot < nonFinite.length; slot++) {
      if (nonFinite[slot] > 0) {
        names.add(slots.get(slot));
      }
    }
    return names;
  }

  /**
   * Draws up the figures.
   *
   * @param diagonals by layer, the whole model first; empty if there are none
   */
  Figures figures(Statistics statistics, List<Optional<DiagonalFigure>> diagonals) {
    List<LayerFigures> figures = new ArrayList<>();
    long[] coveredBy = coveredBy();
    List<String> names = model.slotNames();
    for (int slot = 0; slot < nonFinite.length; slot++) {
      figures.add(
          new LayerFigures(
              names.get(slot),
              model.elements(slot),
              coveredBy[slot],
              nonFinite[slot],
              traces(statistics, slot),
              gaps(statistics, slot),
              diagonals.isEmpty() ? Optional.empty() : diagonals.get(slot),
              statistics.effectiveRank(slot),
              statistics.topEigenvalue(slot),
              statistics.traceOfSquare(slot)));
    }
    Settings made =
        new Settings(
            kind.label(),
            plan.rank(),
            plan.microBatch(),
            plan.probes(),
            distribution.label(),
            plan.tapped() ? "tapped" : "plain",
            pathReason,
            plan.reason());
    return new Figures(
        examples,
        positions,
        classes,
        model.elements(),
        probes,
        made,
        statistics.core(),
        model.aliases(),
        figures);
  }

  private long[] coveredBy() {
    long[] counts = new long[nonFinite.length];
    for (int parameter = 0; parameter < covered.length; parameter++) {
      if (covered[parameter]) {
        long elements = model.parameters().get(parameter).elements();
        counts[0] += elements;
        counts[model.layers().layerOf(parameter) + 1] += elements;
      }
    }
    return counts;
  }

  private static Map<Estimate, TraceFigure> traces(Statistics statistics, int slot) {
    Map<Estimate, TraceFigure> traces = new EnumMap<>(Estimate.class);
    for (Quantity quantity : Quantity.values()) {
      Optional<Uncertain> trace = statistics.trace(quantity, slot);
      if (quantity.estimate().isPresent() && trace.isPresent()) {
        traces.put(
            quantity.estimate().get(),
            new TraceFigure(
                trace.get(),
                statistics.probeCv(quantity, slot),
                statistics.probeShare(quantity, slot)));
      }
    }
    return traces;
  }

  private static Map<Bound, Uncertain> gaps(Statistics statistics, int slot) {
    Map<Bound, Uncertain> gaps = new EnumMap<>(Bound.class);
    for (Quantity quantity : Quantity.values()) {
      Optional<Uncertain> gap = statistics.trace(quantity, slot);
      if (quantity.bound().isPresent() && gap.isPresent()) {
        gaps.put(quantity.bound().get(), gap.get());
      }
    }
    return gaps;
  }

  /** Writes everything, model and settings too, for {@link #read}. */
  void saveWhole(StateSheet sheet) {
    model.save(sheet);
    sheet.text("estimator", kind.label());
    sheet.text("distribution", distribution.label());
    save(sheet);
  }

  /** Reads what {@link #saveWhole} wrote. */
  static Ledger read(StateReading reading) throws IOException {
    String estimator = reading.text("estimator");
    String drawn = reading.text("distribution");
    Ledger ledger =
        new Ledger(
            ModelOutline.read(reading),
            EstimatorKind.of(estimator)
                .orElseThrow(() -> new IOException("there is no estimator " + estimator)),
            Distribution.of(drawn)
                .orElseThrow(() -> new IOException("there is no distribution " + drawn)));
    ledger.restore(reading);
    return ledger;
  }

  /** Writes the counts, for {@link #restore}. */
  void save(StateSheet sheet) {
    long[] flags = new long[covered.length];
    Arrays.setAll(flags, i -> covered[i] ? 1 : 0);
    sheet.longs("covered", flags);
    sheet.longs("non-finite", nonFinite);
    sheet.longs("counts", examples, positions, probes, classes);
    sheet.longs("plan", plan.rank(), plan.probes(), plan.microBatch(), plan.pairEvery());
    sheet.text("plan-reason", plan.reason());
    sheet.longs("plan-tapped", plan.tapped() ? 1 : 0);
    sheet.text("path-reason", pathReason);
  }

  void restore(StateReading reading) throws IOException {
    long[] flags = reading.longs("covered", covered.length);
    for (int i = 0; i < covered.length; i++) {
      covered[i] = flags[i] != 0;
    }
    System.arraycopy(
        reading.longs("non-finite", nonFinite.length), 0, nonFinite, 0, nonFinite.length);
    long[] counts = reading.longs("counts", 4);
    examples = counts[0];
    positions = counts[1];
    probes = counts[2];
    long[] made = reading.longs("plan", 4);
    for (long value : new long[] {counts[3], made[0], made[1], made[2], made[3]}) {
      if (value < 0 || value > Integer.MAX_VALUE) {
        throw new IOException("the counts or the plan have " + value + " in them");
      }
    }
    classes = (int) counts[3];
    plan =
        new Plan(
            (int) made[0],
            (int) made[1],
            (int) made[2],
            (int) made[3],
            reading.text("plan-reason"));
    if (reading.has("plan-tapped")) { // a state of an earlier version has none
      plan = plan.via(reading.longs("plan-tapped", 1)[0] != 0);
      pathReason = reading.text("path-reason");
    }
  }
}
