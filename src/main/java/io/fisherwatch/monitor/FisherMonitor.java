package io.fisherwatch.monitor;

import io.fisherwatch.likelihood.Likelihood;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.safetensors.SafetensorsReader;
import io.fisherwatch.snapshot.DiagonalFigure;
import io.fisherwatch.snapshot.Estimate;
import io.fisherwatch.snapshot.Figures;
import java.io.IOException;
import java.io.OutputStream;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Watches one model in training: running estimates of its Fisher information, batch by batch,
 * forgetting with every checkpoint. For one thread at a time.
 *
 * <pre>{@code
 * try (Model model = runtime.load(graph, OutputSelector.FIRST);
 *     FisherMonitor monitor = new FisherMonitor(model, Likelihood.categorical(), layers, settings, upkeep, System::nanoTime)) {
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
   * @param planHeld whether choices change only with {@link FisherMonitor#adoptPlan()}, so that
   *     batches that come again meet the choices that they met before; for a budget of time, whose
   *     choices hang on a clock
   */
  public record Upkeep(int cvEvery, int densityEvery, boolean planHeld) {

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
  private final @Nullable Planner planner;
  private final LongSupplier clock;
  private final boolean timed;
  private final PlainProbes plainProbes;
  private final boolean measuresItself;
  private final Crew crew;
  private final RunningData data;
  private final Ledger ledger;
  private final @Nullable RunningDiagonal diagonal;
  private List<Optional<DiagonalFigure>> diagonals = List.of();
  private long batches;

  /**
   * A monitor that has seen nothing yet.
   *
   * @param model not closed by this
   * @param settings the diagonals may hold {@link Estimate#FISHER} only
   * @param clock nanoseconds, read only if there is a budget of time
   */
  public FisherMonitor(
      Model model,
      Likelihood likelihood,
      LayerMap layers,
      EstimatorSettings settings,
      Upkeep upkeep,
      LongSupplier clock) {
    if (settings.diagonals().contains(Estimate.LOWER)
        || settings.diagonals().contains(Estimate.UPPER)) {
      throw new IllegalArgumentException("a running diagonal is kept of F only");
    }
    this.timed = settings.budget().secondsPerBatch().isPresent();
    this.crew = new Crew(model);
    this.model = model;
    this.layers = layers;
    this.upkeep = upkeep;
    this.clock = clock;
    this.sums = new DiagonalSums(model, settings.diagonals(), false);
    this.ledger =
        new Ledger(ModelOutline.of(model, layers), settings.kind(), settings.distribution());
    this.planner =
        Planner.isNeeded(settings)
            ? new Planner(settings, ledger.entries(), timed && upkeep.planHeld())
            : null;
    Planning planning =
        planner == null ? new FixedPlanning(settings, OptionalDouble.empty()) : planner;
    this.estimator =
        new BatchEstimator(
            model,
            likelihood,
            layers,
            settings,
            planning,
            OptionalDouble.empty(),
            sums,
            crew,
            Progress.NONE);
    this.plainProbes = new PlainProbes(model, likelihood, layers, settings, PLAIN_PROBES, crew);
    this.measuresItself = settings.kind() == EstimatorKind.HUTCHINSON;
    this.data = new RunningData(layers.layers().size() + 1);
    this.diagonal = settings.diagonals().isEmpty() ? null : new RunningDiagonal(model);
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
    enter(batch, step, 1, key);
  }

  /**
   * Adds a late batch, as if it had come before checkpoints that have been put in force since. The
   * model has to have the weights that the batch was drawn at.
   *
   * @param step the optimizer step that it was drawn at
   * @param age what those checkpoints have left of a weight, 0 to 1: the product of their decays
   * @param key as of {@link #observe}
   * @throws ModelException if the batch cannot be used; the estimates are as they were
   */
  public void observeLate(Batch batch, long step, double age, long... key) throws ModelException {
    if (!(age >= 0 && age <= 1)) {
      throw new IllegalArgumentException("age " + age + " is not between 0 and 1");
    }
    enter(batch, step, age, key);
  }

  private void enter(Batch batch, long step, double age, long... key) throws ModelException {
    sums.clear();
    long start = timed ? clock.getAsLong() : 0;
    BatchEstimator.Result result = estimator.estimate(batch, key);
    double seconds = timed ? (clock.getAsLong() - start) / 1e9 : 0;
    BatchEstimator.Result plain = null;
    boolean whole = result.plan().microBatch() == result.examples();
    if (upkeep.cvEvery() > 0 && batches % upkeep.cvEvery() == 0) {
      plain = plainProbes.estimate(batch, key);
    }
    ledger.enter(result);
    data.add(result, step, age);
    if (plain != null) {
      data.addPlainProbes(plain, age);
    }
    if (measuresItself && whole && result.plan().probes() > 1) {
      data.addPlainProbes(result, age);
    }
    if (planner != null) {
      planner.observe(result, data.total(), seconds);
    }
    averageDiagonal(result, age);
    if (batches % upkeep.densityEvery() == 0) {
      diagonals = summarise();
    }
    batches++;
  }

  /** A gradient with a non-finite value leaves a hole in the batch's diagonal: it is left out. */
  private void averageDiagonal(BatchEstimator.Result result, double age) {
    if (diagonal != null && age > 0 && result.tally().nonFinite(0) == 0) {
      diagonal.add(sums.only(), result.tally().positions(), age * result.examples());
    }
  }

  private List<Optional<DiagonalFigure>> summarise() {
    if (diagonal == null) {
      return List.of();
    }
    double trace = data.trace(Quantity.FISHER, 0).map(figure -> figure.value()).orElse(Double.NaN);
    return diagonal.summarise(
        layers, ledger.trainable(), trace / ledger.entries(), data.diagonalProbes());
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
    if (diagonal != null) {
      diagonal.age(decay);
    }
  }

  /** Whether it has seen no batch yet. */
  public boolean isFresh() {
    return batches == 0;
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
   * Writes the running diagonal of F as a safetensors file: for every trainable parameter one
   * float32 tensor {@code fisher/<parameter>} and, from the second batch on, its standard error,
   * {@code standard-error/<parameter>}.
   *
   * @return false, with nothing written, if there is none
   * @throws IOException if the stream fails
   */
  public boolean writeDiagonal(OutputStream out) throws IOException {
    if (diagonal == null || diagonal.isEmpty()) {
      return false;
    }
    diagonal.writeTo(out);
    return true;
  }

  /** Draws the consequences of what batches have shown, where choices are held. */
  public void adoptPlan() {
    if (planner != null) {
      planner.adopt();
    }
  }

  /**
   * Everything accumulated so far, as it is now, for {@link #restore}.
   *
   * @param copied whether this monitor may go on before it is written, at the cost of a copy of the
   *     running diagonal
   */
  public SavedMonitor save(boolean copied) {
    StateSheet sheet = new StateSheet(SavedMonitor.PREFIX);
    sheet.text("model", ledger.model().text());
    sheet.longs("batches", batches);
    ledger.save(sheet);
    data.save(sheet);
    if (planner != null) {
      planner.save(sheet);
    }
    DiagonalFile file = new DiagonalFile(model.parameters());
    RunningDiagonal kept = null;
    if (diagonal != null && !diagonal.isEmpty()) {
      kept = copied ? diagonal.copy() : diagonal;
      kept.save(sheet, file);
    }
    return new SavedMonitor(sheet, file, copied ? kept : null);
  }

  /**
   * Goes on from what {@link #save} wrote; to be called before the first batch.
   *
   * @param last the figures at that time, whose densities are shown until the next look
   * @return why the state cannot be taken up, if it is another model's or another layer set's;
   *     nothing has changed then
   * @throws IOException if the file is not what it should be; this monitor is not to be used then
   */
  public Optional<String> restore(SafetensorsReader file, Optional<Figures> last)
      throws IOException {
    StateReading reading = new StateReading(file, SavedMonitor.PREFIX);
    Optional<String> difference =
        ModelOutline.difference(reading.text("model"), ledger.model().text());
    if (difference.isPresent()) {
      return difference;
    }
    batches = reading.longs("batches", 1)[0];
    ledger.restore(reading);
    data.restore(reading);
    if (planner != null) {
      planner.restore(reading);
    }
    if (diagonal != null && reading.has("diagonal-weights")) {
      diagonal.restore(reading, file);
    }
    if (diagonal != null) {
      diagonals =
          last.map(figures -> figures.layers().stream().map(layer -> layer.diagonal()).toList())
              .orElse(List.of());
    }
    return Optional.empty();
  }

  /** What has been accumulated so far, but for the diagonal; this goes on without changing it. */
  public MonitorShare share() {
    return MonitorShare.of(ledger, data);
  }

  @Override
  public void close() {
    crew.close();
    plainProbes.close();
    sums.close();
    if (diagonal != null) {
      diagonal.close();
    }
  }
}
