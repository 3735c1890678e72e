package io.fisherwatch.monitor;

import io.fisherwatch.likelihood.Likelihood;
import io.fisherwatch.runtime.GradientMemory;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.safetensors.HostTensor;
import org.jspecify.annotations.Nullable;

/**
 * Plain probes of whole batches, beside any estimator: their coefficient of variation is what
 * theory bounds by √2, and the inner products of their gradients tell the spectrum of F. As many as
 * are cheap, all compared with one another; of a large model two, each with the one before.
 */
final class PlainProbes implements AutoCloseable {

  /** Scalars of the gradients that are kept to be compared, beyond one gradient. */
  private static final long KEPT = 4_000_000;

  /** Scalars of all gradients, side by side, up to which they are made and compared at once. */
  private static final long SIDE_BY_SIDE = 16_000_000;

  private static final int MANY = 16;
  private static final int SOME = 8;
  private static final double LITTLE_WORK = 1e8;
  private static final double MODERATE_WORK = 5e8;

  private final Model model;
  private final Likelihood likelihood;
  private final LayerMap layers;
  private final EstimatorSettings settings;
  private final int least;
  private final Crew crew;
  private final long parameters;
  private @Nullable GradientMemory memory;

  /**
   * @param settings whose distribution and seed count
   * @param least probes of a model for which more are too much work
   */
  PlainProbes(
      Model model,
      Likelihood likelihood,
      LayerMap layers,
      EstimatorSettings settings,
      int least,
      Crew crew) {
    this.model = model;
    this.likelihood = likelihood;
    this.layers = layers;
    this.settings = settings;
    this.least = least;
    this.crew = crew;
    this.parameters =
        model.parameters().stream().mapToLong(parameter -> parameter.elements()).sum();
  }

  /** How many a batch gets. */
  int count(Batch batch) {
    double work = parameters * uses(batch);
    return work <= LITTLE_WORK ? MANY : work <= MODERATE_WORK ? SOME : least;
  }

  /** A guess at how often each parameter is used: once a token, or once for 64 numbers of input. */
  private static double uses(Batch batch) {
    double uses = 1;
    for (HostTensor input : batch.inputs()) {
      double examples = input.size(0);
      double numbers = input.elements() / (input.dtype().isFloating() ? 64.0 : 1.0);
      uses = Math.max(uses, Math.max(examples, numbers));
    }
    return uses;
  }

  /** Estimates a batch; to be called only if {@link #count} is 2 or more. */
  BatchEstimator.Result estimate(Batch batch, long... key) throws ModelException {
    int probes = count(batch);
    GradientMemory kept = memory;
    if (kept == null) {
      kept = model.newGradientMemory((int) Math.max(1, Math.min(MANY - 1, KEPT / parameters)));
      memory = kept;
    }
    boolean together = probes * parameters <= SIDE_BY_SIDE;
    return BatchEstimator.plain(model, likelihood, layers, settings, probes, crew, kept, together)
        .estimate(batch, key);
  }

  @Override
  public void close() {
    GradientMemory kept = memory;
    if (kept != null) {
      kept.close();
    }
  }
}
