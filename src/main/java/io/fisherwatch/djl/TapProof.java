package io.fisherwatch.djl;

import ai.djl.engine.EngineException;
import io.fisherwatch.runtime.Cotangents;
import io.fisherwatch.runtime.Gradient;
import io.fisherwatch.runtime.Logits;
import io.fisherwatch.runtime.ModelException;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;

/**
 * Compares the fast path with the plain one on the first two examples of a batch: their logits, and
 * ‖g‖² of every parameter for a random cotangent of each. Two, since one alone would not tell
 * whether examples are told apart.
 */
final class TapProof {

  private static final double TOLERANCE = 1e-3;

  /** Relative to the whole gradient: parameters that cancel out have nothing but rounding. */
  private static final double FLOOR = 1e-7;

  private TapProof() {}

  /**
   * What is wrong with the fast path; empty if nothing is.
   *
   * @throws ModelException if the plain path fails too
   */
  static Optional<String> fault(TorchBatch batch) throws ModelException {
    int examples = Math.min(2, batch.examples());
    try (TorchForwardPass plain = batch.forward(0, examples)) {
      try (TorchExamplePass tapped = batch.forwardEach(0, examples)) {
        return compare(plain, tapped);
      } catch (EngineException e) {
        return Optional.of("the graph's taps cannot be run: " + Kernels.reason(e));
      } catch (ModelException | IllegalArgumentException e) {
        return Optional.of("the graph's taps cannot be run: " + e.getMessage());
      }
    }
  }

  private static Optional<String> compare(TorchForwardPass plain, TorchExamplePass tapped)
      throws ModelException {
    Logits logits = plain.logits();
    if (!agree(logits, tapped.logits())) {
      return Optional.of("the graph's logits change when it is tapped");
    }
    Cotangents all = new Cotangents(logits);
    for (int example = 0; example < logits.examples(); example++) {
      fill(all, logits, example);
    }
    List<Gradient> each = tapped.pullBackEach(all, null);
    Cotangents one = new Cotangents(logits);
    for (int example = 0; example < logits.examples(); example++) {
      one.clear();
      fill(one, logits, example);
      Optional<String> fault =
          fault(plain.pullBack(one, null, null), each.get(example), plain.names());
      if (fault.isPresent()) {
        return fault;
      }
    }
    return Optional.empty();
  }

  private static boolean agree(Logits plain, Logits tapped) {
    boolean alike =
        plain.rows() == tapped.rows()
            && plain.positions() == tapped.positions()
            && plain.classes() == tapped.classes();
    for (int row = 0; alike && row < plain.rows(); row++) {
      double[] expected = plain.row(row);
      double[] found = tapped.row(row);
      for (int i = 0; i < expected.length; i++) {
        double error = Math.abs(found[i] - expected[i]);
        alike &= error <= TOLERANCE * (1 + Math.abs(expected[i])) || found[i] == expected[i];
      }
    }
    return alike;
  }

  private static void fill(Cotangents cotangents, Logits logits, int example) {
    SplittableRandom random = new SplittableRandom(example);
    double[] u = new double[logits.classes()];
    for (int position = 0; position < logits.positions(); position++) {
      for (int i = 0; i < u.length; i++) {
        u[i] = random.nextDouble(-1, 1);
      }
      cotangents.set(example * logits.positions() + position, u);
    }
  }

  private static Optional<String> fault(Gradient plain, Gradient tapped, List<String> names) {
    double whole = 0;
    for (int i = 0; i < names.size(); i++) {
      whole += plain.squaredNorm(i);
    }
    for (int i = 0; i < names.size(); i++) {
      double error = Math.abs(tapped.squaredNorm(i) - plain.squaredNorm(i));
      if (error > TOLERANCE * plain.squaredNorm(i) + FLOOR * whole) {
        return Optional.of(
            "what the graph says of parameter '"
                + names.get(i)
                + "' is not so: a squared gradient is "
                + plain.squaredNorm(i)
                + ", not "
                + tapped.squaredNorm(i));
      }
    }
    return Optional.empty();
  }
}
