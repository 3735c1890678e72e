package io.fisherwatch.djl;

import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import io.fisherwatch.runtime.Cotangents;
import io.fisherwatch.runtime.Gradient;
import io.fisherwatch.runtime.Logits;
import io.fisherwatch.runtime.ModelException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * Compares the fast path with the plain one on the first two examples of a batch: their logits,
 * ‖g‖² of every parameter for a random cotangent of each, and the squares g∘g of both. Two
 * examples, since one alone would not tell whether examples are told apart; the squares too, since
 * a gradient whose numbers are in the wrong places has the same norm.
 *
 * @param outcome what is known now
 * @param reason why, unless the taps hold
 */
record TapProof(Outcome outcome, String reason) {

  /** What a comparison tells. */
  enum Outcome {
    /** All agree. */
    TRUE,
    /** The taps are not what the graph says that they are. */
    FALSE,
    /** These examples tell nothing: something overflows, and only the plain path can square it. */
    UNTRIED
  }

  private static final double TOLERANCE = 1e-3;

  /** Of the squares if the plain path's gradients have 16 bits, which round each by up to 2⁻⁸. */
  private static final double COARSE = 5e-2;

  /** Relative to the whole gradient: parameters that cancel out have nothing but rounding. */
  private static final double FLOOR = 1e-7;

  private static final TapProof HOLDS = new TapProof(Outcome.TRUE, "");

  /**
   * Compares.
   *
   * @throws ModelException if the plain path fails too, or memory runs out
   */
  static TapProof of(TorchBatch batch) throws ModelException {
    int examples = Math.min(2, batch.examples());
    try (TorchForwardPass plain = batch.forward(0, examples)) {
      try (TorchExamplePass tapped = batch.forwardEach(0, examples)) {
        return compare(batch.model(), plain, tapped);
      } catch (EngineException e) {
        return cannotRun(Kernels.failure("no-gradient", "PyTorch", e));
      } catch (ModelException e) {
        return cannotRun(e);
      } catch (IllegalArgumentException e) {
        return cannotRun(new ModelException("bad-output", String.valueOf(e.getMessage()), e));
      }
    }
  }

  private static TapProof cannotRun(ModelException e) throws ModelException {
    if (e.code().equals(Kernels.OUT_OF_MEMORY)) {
      throw e;
    }
    return wrong("the graph's taps cannot be run: " + e.getMessage());
  }

  private static TapProof compare(TorchModel model, TorchForwardPass plain, TorchExamplePass tapped)
      throws ModelException {
    Logits logits = plain.logits();
    if (!isFinite(logits)) {
      return untried("a first logit is not finite");
    }
    if (!agree(logits, tapped.logits())) {
      return wrong("the graph's logits change when it is tapped");
    }
    Cotangents all = new Cotangents(logits);
    for (int example = 0; example < logits.examples(); example++) {
      fill(all, logits, example);
    }
    // One array for both: the squares by taps less the plain ones are what does not agree.
    try (TorchDiagonal difference = model.newDiagonal()) {
      Optional<List<Gradient>> each = tapped.contract(all, difference);
      if (each.isEmpty()) {
        return untried("a first gradient overflows");
      }
      difference.scale(-1);
      List<Gradient> plainly = new ArrayList<>();
      Cotangents one = new Cotangents(logits);
      for (int example = 0; example < logits.examples(); example++) {
        one.clear();
        fill(one, logits, example);
        Gradient gradient = plain.pullBack(one, difference, null);
        if (!gradient.isFinite()) {
          return untried("a first gradient is not finite");
        }
        plainly.add(gradient);
      }
      return compare(model.table(), plainly, each.get(), difference.absoluteSums());
    }
  }

  private static TapProof compare(
      ParameterTable table, List<Gradient> plain, List<Gradient> tapped, double[] differences) {
    int parameters = table.parameters().size();
    double[] sums = new double[parameters];
    double whole = 0;
    for (int example = 0; example < plain.size(); example++) {
      Gradient gradient = plain.get(example);
      double norm = IntStream.range(0, parameters).mapToDouble(gradient::squaredNorm).sum();
      for (int i = 0; i < parameters; i++) {
        double expected = gradient.squaredNorm(i);
        double found = tapped.get(example).squaredNorm(i);
        if (!(Math.abs(found - expected) <= TOLERANCE * expected + FLOOR * norm)) {
          return wrong(table, i, "a squared gradient is " + expected + ", not " + found);
        }
        sums[i] += expected;
      }
      whole += norm;
    }
    for (int i = 0; i < parameters; i++) {
      int slot = table.slot(i);
      if (slot >= 0) {
        NDArray parameter = table.differentiated().get(slot);
        double tolerance = parameter.getDataType().getNumOfBytes() < 4 ? COARSE : TOLERANCE;
        // Squares below the normal numbers are rounded to multiples of the smallest one.
        double allowed = tolerance * sums[i] + FLOOR * whole + parameter.size() * Float.MIN_NORMAL;
        if (!(differences[slot] <= allowed)) {
          return wrong(table, i, "its squares differ by " + differences[slot] + " of " + sums[i]);
        }
      }
    }
    return HOLDS;
  }

  private static TapProof wrong(ParameterTable table, int parameter, String what) {
    String name = table.parameters().get(parameter).name();
    return wrong("what the graph says of parameter '" + name + "' is not so: " + what);
  }

  private static TapProof wrong(String why) {
    return new TapProof(Outcome.FALSE, why);
  }

  private static TapProof untried(String why) {
    return new TapProof(
        Outcome.UNTRIED, why + ", so that the graph's taps could not be tried on this batch");
  }

  private static boolean isFinite(Logits logits) {
    boolean finite = true;
    for (int row = 0; row < logits.rows(); row++) {
      finite &= Arrays.stream(logits.row(row)).allMatch(Double::isFinite);
    }
    return finite;
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
        alike &= error <= TOLERANCE * (1 + Math.abs(expected[i]));
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
}
