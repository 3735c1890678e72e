package io.fisherwatch.monitor;

import io.fisherwatch.likelihood.Likelihood;
import io.fisherwatch.runtime.DiagonalArray;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.snapshot.DiagonalFigure;
import io.fisherwatch.snapshot.Estimate;
import io.fisherwatch.snapshot.Figures;
import java.io.IOException;
import java.io.OutputStream;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * Watches one model in training: running estimates of its Fisher information, batch by batch,
 * forgetting with every checkpoint. For one thread at a time.
 *
 * <pre>{@code
 * try (Model model = runtime.load(graph, OutputSelector.FIRST);
 *     FisherMonitor monitor = new FisherMonitor(model, Likelihood.categorical(), layers, settings, upkeep)) {
 *   monitor.observe(batch, step, key);
 *   Figures figures = monitor.figures();
 * }
 * }</pre>
 */
public final class FisherMonitor implements AutoCloseable {

  /** Plain probes spent at once on the coefficient of variation of one. */
  private static final int PLAIN_PROBES = 2;

  /**
   * What is done now and then only.
   *
   * @param cvEvery every so many batches two plain whole-batch probes measure their coefficient of
   *     variation; 0 for never
   * @param densityEvery every so many batches the diagonal's density and quantiles are made
   */
  public record Upkeep(int cvEvery, int densityEvery) {

    public Upkeep {
      if (cvEvery < 0 || densityEvery < 1) {
        throw new IllegalArgumentException(
            "cvEvery " + cvEvery + " is below 0 or densityEvery " + densityEvery + " below 1");
      }
    }
  }

  private final Model model;
  private final LayerMap layers;
  private final Upkeep upkeep;
  private final DiagonalSums sums;
  private final BatchEstimator estimator;
  private final BatchEstimator plainEstimator;
  private final boolean measuresItself;
  private final RunningData data;
  private final Ledger ledger;
  private final @Nullable DiagonalArray mean;
  private List<Optional<DiagonalFigure>> diagonals = List.of();
  private double diagonalWeight;
  private long batches;

  /**
   * A monitor that has seen nothing yet.
   *
   * @param model not closed by this
   * @param settings the diagonals may hold {@link Estimate#FISHER} only
   */
  public FisherMonitor(
      Model model,
      Likelihood likelihood,
      LayerMap layers,
      EstimatorSettings settings,
      Upkeep upkeep) {
    if (settings.diagonals().contains(Estimate.LOWER)
        || settings.diagonals().contains(Estimate.UPPER)) {
      throw new IllegalArgumentException("a running diagonal is kept of F only");
    }
    this.model = model;
    this.layers = layers;
    this.upkeep = upkeep;
    this.sums = new DiagonalSums(model, settings.diagonals());
    this.estimator = new BatchEstimator(model, likelihood, layers, settings, sums, Progress.NONE);
    EstimatorSettings plain =
        new EstimatorSettings(
            EstimatorKind.HUTCHINSON,
            OptionalInt.empty(),
            OptionalInt.of(PLAIN_PROBES),
            OptionalInt.of(EstimatorSettings.WHOLE),
            settings.distribution(),
            ~settings.seed(),
            EnumSet.noneOf(Estimate.class));
    this.plainEstimator =
        new BatchEstimator(
            model,
            likelihood,
            layers,
            plain,
            new DiagonalSums(model, plain.diagonals()),
            Progress.NONE);
    this.measuresItself = settings.kind() == EstimatorKind.HUTCHINSON;
    this.data = new RunningData(layers.layers().size() + 1);
    this.ledger = new Ledger(model.parameters(), model.aliases(), layers, settings);
    this.mean = settings.diagonals().isEmpty() ? null : model.newDiagonal();
  }

  /**
   * Adds a batch to the running estimates.
   *
   * @param step the optimizer step that it was drawn at
   * @param key tells this batch's randomness from that of others: same seed, key, weights and
   *     batch, same figures
   * @throws ModelException if the batch cannot be used; the estimates are as they were
   */
  public void observe(Batch batch, long step, long... key) throws ModelException {
    sums.clear();
    BatchEstimator.Result result = estimator.estimate(batch, key);
    BatchEstimator.Result plain = null;
    boolean whole = result.plan().microBatch() == result.examples();
    if (measuresItself && whole && result.plan().probes() > 1) {
      plain = result;
    } else if (upkeep.cvEvery() > 0 && batches % upkeep.cvEvery() == 0) {
      plain = plainEstimator.estimate(batch, key);
    }
    ledger.enter(result);
    data.add(result, step);
    if (plain != null) {
      data.addPlainProbes(plain);
    }
    averageDiagonal(result);
    if (batches % upkeep.densityEvery() == 0) {
      diagonals = summarise();
    }
    batches++;
  }

  /** A gradient with a non-finite value leaves a hole in the batch's diagonal: it is left out. */
  private void averageDiagonal(BatchEstimator.Result result) {
    DiagonalArray running = mean;
    if (running == null || result.tally().nonFinite(0) > 0) {
      return;
    }
    diagonalWeight += result.examples();
    running.averageIn(
        sums.only(), 1.0 / result.tally().positions(), result.examples() / diagonalWeight);
  }

  private List<Optional<DiagonalFigure>> summarise() {
    DiagonalArray running = mean;
    if (running == null || diagonalWeight == 0) {
      return List.of();
    }
    double trace = data.trace(Quantity.FISHER, 0).map(figure -> figure.value()).orElse(Double.NaN);
    return DiagonalSummary.of(
        running, layers, ledger.trainable(), trace / ledger.entries(), data.diagonalProbes());
  }

  /**
   * Ages the estimates: a new checkpoint is in force.
   *
   * @param decay factor on the weight of everything so far; 0 forgets it, 1 keeps it
   */
  public void checkpoint(double decay) {
    if (!(decay >= 0 && decay <= 1)) {
      throw new IllegalArgumentException("decay " + decay + " is not between 0 and 1");
    }
    data.age(decay);
    diagonalWeight *= decay;
  }

  /** Whether there is anything to show. */
  public boolean isEmpty() {
    return data.weight() == 0;
  }

  /** The running figures. */
  public Figures figures() {
    return ledger.figures(data, diagonals);
  }

  /** How many equally weighted batches the running figures are worth. */
  public double effectiveBatches() {
    return data.effectiveBatches();
  }

  /** How many steps the running figures look back from a step, on average. */
  public double lagSteps(long step) {
    return data.lagSteps(step);
  }

  /**
   * Writes the running diagonal of F as a safetensors file, one float32 tensor {@code
   * fisher/<parameter>} for every trainable parameter.
   *
   * @return false, with nothing written, if there is none
   * @throws IOException if the stream fails
   */
  public boolean writeDiagonal(OutputStream out) throws IOException {
    DiagonalArray running = mean;
    if (running == null || diagonalWeight == 0) {
      return false;
    }
    DiagonalFile file = new DiagonalFile(model.parameters());
    file.addBorrowed(Estimate.FISHER, running);
    file.writeTo(out);
    return true;
  }

  @Override
  public void close() {
    sums.close();
    DiagonalArray running = mean;
    if (running != null) {
      running.close();
    }
  }
}
