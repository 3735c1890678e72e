package io.fisherwatch.monitor;

import io.fisherwatch.estimate.DecayedMoments;
import io.fisherwatch.estimate.StudentT;
import io.fisherwatch.runtime.DiagonalArray;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.Parameter;
import io.fisherwatch.safetensors.SafetensorsReader;
import io.fisherwatch.safetensors.TensorInfo;
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

  static final String MEAN = "diagonal-mean";
  static final String SCATTER = "diagonal-scatter";
  private static final int CHUNK_BYTES = 1 << 22;

  private final Model model;
  private final DiagonalArray mean;
  private final DiagonalArray scatter;

  /** What the batches weigh; their values are in the arrays. */
  private final DecayedMoments batches = new DecayedMoments();

  RunningDiagonal(Model model) {
    this(model, model.newDiagonal(), model.newDiagonal());
  }

  private RunningDiagonal(Model model, DiagonalArray mean, DiagonalArray scatter) {
    this.model = model;
    this.mean = mean;
    this.scatter = scatter;
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
    if (factor == 0) {
      mean.clear(); // or what is forgotten would come back in the rounding
    }
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
    return errorFactor(batches);
  }

  static double errorFactor(DecayedMoments batches) {
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
    errors.add(scatter, errorFactor());
    errors.squareRoot();
    return errors;
  }

  /** A copy on the device to be saved and closed; this may go on meanwhile, or be closed. */
  RunningDiagonal copy() {
    RunningDiagonal copy = new RunningDiagonal(model, mean.copy(), scatter.copy());
    copy.batches.merge(batches);
    return copy;
  }

  void save(StateSheet sheet, DiagonalFile file) {
    sheet.accumulators("diagonal-weights", batches);
    file.addBorrowed(MEAN, mean);
    file.addBorrowed(SCATTER, scatter);
  }

  void restore(StateReading reading, SafetensorsReader file) throws IOException {
    reading.accumulators("diagonal-weights", batches);
    restore(file, MEAN, mean);
    restore(file, SCATTER, scatter);
  }

  private void restore(SafetensorsReader file, String group, DiagonalArray into)
      throws IOException {
    List<Parameter> parameters = model.parameters();
    for (int i = 0; i < parameters.size(); i++) {
      if (parameters.get(i).trainable()) {
        int parameter = i;
        TensorInfo tensor =
            file.find(group + "/" + parameters.get(i).name())
                .orElseThrow(() -> new IOException("the running diagonal is not whole"));
        file.stream(tensor, CHUNK_BYTES, (offset, chunk) -> into.write(parameter, offset, chunk));
      }
    }
  }

  @Override
  public void close() {
    mean.close();
    scatter.close();
  }
}
