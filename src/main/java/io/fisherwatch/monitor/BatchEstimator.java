package io.fisherwatch.monitor;

import io.fisherwatch.likelihood.Distribution;
import io.fisherwatch.likelihood.Likelihood;
import io.fisherwatch.likelihood.Probe;
import io.fisherwatch.runtime.BoundBatch;
import io.fisherwatch.runtime.Cotangents;
import io.fisherwatch.runtime.ForwardPass;
import io.fisherwatch.runtime.Gradient;
import io.fisherwatch.runtime.Logits;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.ModelException;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The main road: one batch, from its logits to the squares of its gradients.
 *
 * <p>Randomness hangs on the batch's key, the output's place in the batch, the term and the probe,
 * and on nothing else: not on the micro-batch, the order of work or the machine.
 */
final class BatchEstimator {

  /** More vector-Jacobian products than this for one batch are refused: nobody waits for them. */
  static final long MOST_PASSES = 2_000_000;

  private final Model model;
  private final Likelihood likelihood;
  private final LayerMap layers;
  private final EstimatorSettings settings;
  private final DiagonalSums diagonals;
  private final Progress progress;

  BatchEstimator(
      Model model,
      Likelihood likelihood,
      LayerMap layers,
      EstimatorSettings settings,
      DiagonalSums diagonals,
      Progress progress) {
    this.model = model;
    this.likelihood = likelihood;
    this.layers = layers;
    this.settings = settings;
    this.diagonals = diagonals;
    this.progress = progress;
  }

  /** The squares of a batch, and how they were made. */
  record Result(BatchTally tally, Plan plan, int examples, int classes) {}

  /**
   * Estimates one batch.
   *
   * @param key tells this batch's randomness from that of others
   * @throws ModelException if the model or the batch cannot be used
   */
  Result estimate(Batch batch, long... key) throws ModelException {
    try (BoundBatch bound = model.bind(batch.inputs())) {
      int examples = bound.examples();
      int microBatch = Plan.microBatch(settings, examples);
      Work work = null;
      for (int from = 0; from < examples; from += microBatch) {
        int to = Math.min(examples, from + microBatch);
        try (ForwardPass pass = bound.forward(from, to)) {
          if (work == null) {
            work = begin(batch, examples, pass.logits(), key);
          }
          work.microBatch(pass, from);
        }
        progress.examplesDone(to, examples);
      }
      if (work == null) {
        throw new ModelException("empty-batch", "the batch holds no example");
      }
      return new Result(work.tally, work.plan, examples, work.classes);
    }
  }

  private Work begin(Batch batch, int examples, Logits logits, long[] key) throws ModelException {
    int classes = logits.classes();
    if (classes < likelihood.minimumClasses()) {
      throw new ModelException(
          "one-class",
          "the logits have a single class, whose probability is always 1; a "
              + likelihood.kind()
              + " output needs "
              + likelihood.minimumClasses());
    }
    Targets targets = Targets.of(batch, examples, logits, likelihood);
    if (targets.unmasked() == 0) {
      throw new ModelException("empty-batch", "every position of the batch is masked");
    }
    Plan plan = Plan.of(settings, likelihood, classes, examples);
    Terms terms = Terms.of(settings.kind(), plan.rank(), likelihood, classes, targets.labelled());
    if (settings.kind() == EstimatorKind.EXACT) {
      long passes = (long) targets.unmasked() * terms.terms().size();
      if (passes > MOST_PASSES) {
        throw new ModelException(
            "too-many-passes",
            "exact needs "
                + passes
                + " backward passes for this batch, more than "
                + MOST_PASSES
                + "; use deflated");
      }
    }
    return new Work(classes, targets, plan, terms, key);
  }

  /** One batch in the making. */
  private final class Work {

    private final int classes;
    private final Targets targets;
    private final Plan plan;
    private final Terms terms;
    private final BatchTally tally;
    private final double[] u;
    private final long[] probeKey;
    private @Nullable Cotangents cotangents;

    Work(int classes, Targets targets, Plan plan, Terms terms, long[] key) {
      this.classes = classes;
      this.targets = targets;
      this.plan = plan;
      this.terms = terms;
      this.tally =
          new BatchTally(layers, model.parameters().size(), terms.estimated(), plan.probes());
      this.u = new double[classes];
      this.probeKey = Arrays.copyOf(new long[] {settings.seed()}, key.length + 4);
      System.arraycopy(key, 0, probeKey, 1, key.length);
    }

    void microBatch(ForwardPass pass, int from) throws ModelException {
      Rows rows = Rows.of(pass.logits(), likelihood, from, targets);
      for (int i = 0; i < rows.count(); i++) {
        tally.addRow(rows.core(i));
      }
      for (Term term : terms.terms()) {
        square(term, rows, pass);
      }
      if (tally.passes() == 0) {
        // All cotangents were zero: pull back zeros, to learn which parameters a path leads to.
        tally.addToAllProbes(terms.terms().get(0), pass.pullBack(cleared(pass), null));
      }
      tally.closeMicroBatch();
    }

    private void square(Term term, Rows rows, ForwardPass pass) throws ModelException {
      if (settings.kind() == EstimatorKind.EXACT) {
        squareRowByRow(term, rows, pass);
        return;
      }
      boolean fixedSign = settings.distribution() == Distribution.RADEMACHER;
      boolean random = !term.rankOne() || rows.count() > 1 || !fixedSign;
      int draws = random ? plan.probes() : 1;
      for (int draw = 0; draw < draws; draw++) {
        Cotangents all = cleared(pass);
        for (int i = 0; i < rows.count(); i++) {
          Probe probe = probe(rows.place(i), term.id(), draw);
          term.part().fill(rows.core(i), rows.label(i), probe, u);
          double sign = random && term.rankOne() ? probe.next() : 1;
          multiply(u, sign / Math.sqrt(draws));
          all.set(rows.row(i), u);
        }
        if (all.isZero()) {
          continue;
        }
        Gradient gradient = pass.pullBack(all, diagonals.of(term));
        if (random) {
          tally.addProbe(term, draw, gradient, draws);
        } else {
          tally.addToAllProbes(term, gradient);
        }
      }
    }

    /** A rank-one part of one row, alone: its square is the part of the diagonal, exactly. */
    private void squareRowByRow(Term term, Rows rows, ForwardPass pass) throws ModelException {
      for (int i = 0; i < rows.count(); i++) {
        Cotangents one = cleared(pass);
        term.part().fill(rows.core(i), rows.label(i), probe(rows.place(i), term.id(), 0), u);
        one.set(rows.row(i), u);
        if (!one.isZero()) {
          tally.addToAllProbes(term, pass.pullBack(one, diagonals.of(term)));
        }
      }
    }

    private Probe probe(long place, int term, int draw) {
      probeKey[probeKey.length - 3] = place;
      probeKey[probeKey.length - 2] = term;
      probeKey[probeKey.length - 1] = draw;
      return Probe.of(settings.distribution(), probeKey);
    }

    private Cotangents cleared(ForwardPass pass) {
      Cotangents current = cotangents;
      if (current == null || current.rows() != pass.logits().rows()) {
        current = new Cotangents(pass.logits());
        cotangents = current;
      }
      current.clear();
      return current;
    }
  }

  private static void multiply(double[] values, double factor) {
    if (factor != 1) {
      for (int i = 0; i < values.length; i++) {
        values[i] *= factor;
      }
    }
  }
}
