package io.fisherwatch.bench;

import io.fisherwatch.likelihood.Distribution;
import io.fisherwatch.likelihood.Likelihood;
import io.fisherwatch.monitor.Budget;
import io.fisherwatch.monitor.EstimatorKind;
import io.fisherwatch.monitor.EstimatorSettings;
import io.fisherwatch.monitor.FisherMonitor;
import io.fisherwatch.monitor.FixedEstimate;
import io.fisherwatch.monitor.LayerMap;
import io.fisherwatch.monitor.Progress;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.snapshot.Estimate;
import io.fisherwatch.snapshot.Figures;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;

/** Estimates as the commands make them. */
final class Estimates {

  private static final FisherMonitor.Upkeep UPKEEP = new FisherMonitor.Upkeep(20, 1, false);

  private Estimates() {}

  /** Settings with everything else as by default. */
  static EstimatorSettings settings(
      EstimatorKind kind, OptionalInt rank, OptionalInt probes, long seed, boolean diagonal) {
    Set<Estimate> diagonals = EnumSet.noneOf(Estimate.class);
    if (diagonal) {
      diagonals.add(Estimate.FISHER);
    }
    return new EstimatorSettings(
        kind,
        rank,
        probes,
        OptionalInt.empty(),
        Distribution.RADEMACHER,
        seed,
        diagonals,
        Budget.NONE);
  }

  /** The default, {@code deflated} with everything chosen. */
  static EstimatorSettings byDefault(boolean diagonal) {
    return settings(EstimatorKind.DEFLATED, OptionalInt.empty(), OptionalInt.empty(), 0, diagonal);
  }

  /** One probe of every example squared alone, with no part split off. */
  static EstimatorSettings onePass(boolean diagonal) {
    return settings(EstimatorKind.DEFLATED, OptionalInt.of(0), OptionalInt.of(1), 0, diagonal);
  }

  /** The figures of one batch, all of them, as {@code estimate} makes them. */
  static Figures fixed(Model model, Workloads.Workload workload, EstimatorSettings settings)
      throws ModelException {
    return fixed(model, workload, settings, true);
  }

  /** The same, with the spectrum or without, as {@code estimate --spectrum none} leaves it out. */
  static Figures fixed(
      Model model, Workloads.Workload workload, EstimatorSettings settings, boolean spectrum)
      throws ModelException {
    try (FixedEstimate estimate = start(model, settings, spectrum)) {
      estimate.add(workload.batch());
      return estimate.figures();
    }
  }

  /** All of them, with the diagonals in a file. */
  static Figures withDiagonal(
      Model model, Workloads.Workload workload, EstimatorSettings settings, Path file)
      throws ModelException, IOException {
    try (FixedEstimate estimate = start(model, settings, true);
        OutputStream out = new BufferedOutputStream(Files.newOutputStream(file), 1 << 20)) {
      estimate.add(workload.batch());
      estimate.writeDiagonals(out);
      return estimate.figures();
    }
  }

  private static FixedEstimate start(Model model, EstimatorSettings settings, boolean spectrum) {
    return new FixedEstimate(
        model, Likelihood.categorical(), layers(model), settings, spectrum, Progress.NONE);
  }

  /** A monitor as the agent has it. */
  static FisherMonitor monitor(Model model, EstimatorSettings settings) {
    return new FisherMonitor(
        model, Likelihood.categorical(), layers(model), settings, UPKEEP, System::nanoTime);
  }

  private static LayerMap layers(Model model) {
    return LayerMap.of(model.parameters(), List.of());
  }
}
