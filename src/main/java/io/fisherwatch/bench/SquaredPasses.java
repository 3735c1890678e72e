package io.fisherwatch.bench;

import io.fisherwatch.runtime.BoundBatch;
import io.fisherwatch.runtime.Cotangents;
import io.fisherwatch.runtime.DiagonalArray;
import io.fisherwatch.runtime.ExamplePass;
import io.fisherwatch.runtime.Gradient;
import io.fisherwatch.runtime.Logits;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.ModelException;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/** Passes whose gradients are squared example by example, with no estimator around them. */
final class SquaredPasses {

  private final int pulls;
  private final boolean diagonal;

  /** Made once, as a running diagonal is; goes with the model. */
  private @Nullable DiagonalArray squares;

  /**
   * @param pulls backward passes of every forward pass
   * @param diagonal whether squares are added up, or only squared norms made
   */
  SquaredPasses(int pulls, boolean diagonal) {
    this.pulls = pulls;
    this.diagonal = diagonal;
  }

  /** Makes the passes of a batch, and tells by which path. */
  String make(Model model, Workloads.Workload workload) throws ModelException {
    if (diagonal && squares == null) {
      squares = model.newDiagonal();
    }
    try (BoundBatch batch = model.bind(workload.batch().inputs())) {
      if (!batch.squaresEach()) {
        throw new IllegalStateException(workload.name() + ": " + model.plainReason().orElse("?"));
      }
      for (int from = 0; from < batch.examples(); ) {
        try (ExamplePass pass = batch.forwardEach(from)) {
          List<ExamplePass.Pull> made = new ArrayList<>();
          for (int i = 0; i < pulls; i++) {
            made.add(new ExamplePass.Pull(cotangents(pass.logits(), i), squares));
          }
          int together = pass.pullsTogether();
          for (int i = 0; i < pulls; i += together) {
            List<List<Gradient>> unused =
                pass.pullBackEach(made.subList(i, Math.min(pulls, i + together)));
          }
          from += pass.logits().examples();
        }
      }
    }
    return "tapped";
  }

  private static Cotangents cotangents(Logits logits, int seed) {
    SplittableRandom random = new SplittableRandom(seed);
    Cotangents cotangents = new Cotangents(logits);
    for (int row = 0; row < logits.rows(); row++) {
      cotangents.set(row, random.doubles(logits.classes(), -1, 1).toArray());
    }
    return cotangents;
  }
}
