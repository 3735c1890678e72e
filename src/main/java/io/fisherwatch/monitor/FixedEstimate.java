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
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * The estimate on data that are all there is: the batches given, each with its weight in positions.
 * Standard errors are those of the probes for these very data. For one thread.
 */
public final class FixedEstimate implements AutoCloseable {

  private final Model model;
  private final LayerMap layers;
  private final EstimatorSettings settings;
  private final boolean spectrum;
  private final DiagonalSums sums;
  private final BatchEstimator estimator;
  private final PlainProbes plainProbes;
  private final Crew crew;
  private final FixedData data;
  private final Ledger ledger;
  private long batches;

  /**
   * An estimate without data yet.
   *
   * @param model not closed by this
   * @param progress hears how far each batch has come
   */
  public FixedEstimate(
      Model model,
      Likelihood likelihood,
      LayerMap layers,
      EstimatorSettings settings,
      Progress progress) {
    this(model, likelihood, layers, settings, true, progress);
  }

  /**
   * As above.
   *
   * @param spectrum whether a small model gets plain probes besides, of which come the effective
   *     rank, the top eigenvalue and, unless the estimator is one of plain probes, the coefficient
   *     of variation of one
   */
  public FixedEstimate(
      Model model,
      Likelihood likelihood,
      LayerMap layers,
      EstimatorSettings settings,
      boolean spectrum,
      Progress progress) {
    this.spectrum = spectrum;
    this.model = model;
    this.layers = layers;
    this.settings = settings;
    this.crew = new Crew(model);
    OptionalDouble target = settings.budget().targetRelativeError();
    this.sums = new DiagonalSums(model, settings.diagonals(), target.isPresent());
    this.estimator =
        new BatchEstimator(
            model,
            likelihood,
            layers,
            settings,
            new FixedPlanning(settings, target),
            target,
            sums,
            crew,
            progress);
    this.plainProbes = new PlainProbes(model, likelihood, layers, settings, 0, crew);
    this.data = new FixedData(layers.layers().size() + 1);
    this.ledger =
        new Ledger(ModelOutline.of(model, layers), settings.kind(), settings.distribution());
  }

  /**
   * Adds a batch.
   *
   * @throws ModelException {@code empty-batch}, {@code one-class}, {@code non-finite-logits},
   *     {@code non-finite-gradient} and what {@link Model#bind} throws; the estimate is not to be
   *     used afterwards
   */
  public void add(Batch batch) throws ModelException {
    long key = batches++;
    BatchEstimator.Result result = estimator.estimate(batch, key);
    ledger.enter(result);
    if (!ledger.nonFiniteLayers().isEmpty()) {
      throw new ModelException(
          "non-finite-gradient",
          "the logits are finite but their gradient is not, in the layers "
              + String.join(", ", ledger.nonFiniteLayers()));
    }
    boolean whole = result.plan().microBatch() == result.examples();
    boolean varied = whole && settings.kind() == EstimatorKind.HUTCHINSON;
    data.add(result, varied);
    if (spectrum && plainProbes.count(batch) >= 2) {
      data.addPlainProbes(plainProbes.estimate(batch, key), !varied);
    }
  }

  /** The figures of everything added so far. */
  public Figures figures() {
    return ledger.figures(data, diagonals());
  }

  private List<Optional<DiagonalFigure>> diagonals() {
    if (!settings.diagonals().contains(Estimate.FISHER)) {
      return List.of();
    }
    try (DiagonalArray fisher = diagonal(Estimate.FISHER)) {
      double trace =
          data.trace(Quantity.FISHER, 0).map(figure -> figure.value()).orElse(Double.NaN);
      return DiagonalSummary.of(
          fisher,
          layers,
          ledger.trainable(),
          trace / ledger.entries(),
          DiagonalSummary.noiseOf(data.diagonalProbes()));
    }
  }

  /**
   * Writes the diagonals as a safetensors file, one float32 tensor {@code <estimate>/<parameter>}
   * each, for every matrix whose diagonal is kept and every trainable parameter.
   *
   * @throws IOException if the stream fails
   */
  public void writeDiagonals(OutputStream out) throws IOException {
    DiagonalFile file = new DiagonalFile(model.parameters());
    for (Estimate estimate : settings.diagonals()) {
      file.add(estimate.label(), () -> diagonal(estimate));
    }
    file.writeTo(out);
  }

  private DiagonalArray diagonal(Estimate estimate) {
    DiagonalArray diagonal = model.newDiagonal();
    sums.addTo(diagonal, estimate, 1.0 / data.positions());
    return diagonal;
  }

  @Override
  public void close() {
    crew.close();
    plainProbes.close();
    sums.close();
  }
}
