package io.fisherwatch.monitor;

import io.fisherwatch.estimate.DecayedMoments;
import io.fisherwatch.estimate.StudentT;
import io.fisherwatch.runtime.DiagonalArray;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.snapshot.DiagonalFigure;
import java.io.IOException;
import java.io.OutputStream;
import java.util.List;
import java.util.Optional;

/**
 * The running diagonal of F: its mean over batches, weighted by examples, and for every entry the
 * scatter between batches, from which its uncertainty follows. Two float32 arrays on the model's
 * device.
 */
final class RunningDiagonal implements AutoCloseable {

  private final Model model;
  private final DiagonalArray mean;
  private final DiagonalArray scatter;

  /** What the batches weigh; their values are in the arrays. */
  private final DecayedMoments batches = new DecayedMoments();

  RunningDiagonal(Model model) {
    this.model = model;
    this.mean = model.newDiagonal();
    this.scatter = model.newDiagonal();
  }

  /**
   * Adds a batch and empties its sums.
   *
   * @param positions what the sums have to be divided by
   * @param weight of the batch
   */
  void add(DiagonalArray sums, long positions, double weight) {
    batches.add(0, weight);
    mean.averageIn(sums, 1.0 / positions, weight / batches.weight(), scatter, weight);
  }

  void age(double factor) {
    batches.age(factor);
    scatter.scale(factor);
  }

  boolean isEmpty() {
    return batches.weight() == 0;
  }

  /**
   * Looks at every layer.
   *
   * @param meanDiagonal mean entry of the model's diagonal, or NaN if it is not known
   * @param probes independent probes that each entry is worth, in case that there is no scatter yet
   */
  List<Optional<DiagonalFigure>> summarise(
      LayerMap layers, boolean[] trainable, double meanDiagonal, double probes) {
    if (isEmpty()) {
      return List.of();
    }
    double freedom = batches.effectiveCount() - 1;
    if (freedom < 1) {
      DiagonalSummary.Doubt noise = DiagonalSummary.noiseOf(probes);
      return DiagonalSummary.of(mean, layers, trainable, meanDiagonal, noise);
    }
    double quantile = StudentT.quantile(freedom, 0.975);
    DiagonalSummary.Doubt scattered =
        (parameters, histogram, threshold) ->
            mean.undetermined(scatter, errorFactor(), quantile, threshold, parameters);
    return DiagonalSummary.of(mean, layers, trainable, meanDiagonal, scattered);
  }

  /** What the scatter has to be multiplied by for the squared standard error of the mean. */
  private double errorFactor() {
    return 1 / (batches.weight() * (batches.effectiveCount() - 1));
  }

  /**
   * Writes {@code fisher/<parameter>} and, once it is known, {@code standard-error/<parameter>} for
   * every trainable parameter.
   */
  void writeTo(OutputStream out) throws IOException {
    DiagonalFile file = new DiagonalFile(model.parameters());
    file.addBorrowed("fisher", mean);
    if (batches.effectiveCount() >= 2) {
      file.add("standard-error", this::standardErrors);
    }
    file.writeTo(out);
  }

  private DiagonalArray standardErrors() {
    DiagonalArray errors = model.newDiagonal();
    errors.add(scatter);
    errors.scale(errorFactor());
    errors.squareRoot();
    return errors;
  }

  @Override
  public void close() {
    mean.close();
    scatter.close();
  }
}
