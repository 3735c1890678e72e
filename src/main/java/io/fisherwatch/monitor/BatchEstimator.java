package io.fisherwatch.monitor;

import io.fisherwatch.likelihood.Distribution;
import io.fisherwatch.likelihood.Likelihood;
import io.fisherwatch.likelihood.Probe;
import io.fisherwatch.runtime.BoundBatch;
import io.fisherwatch.runtime.Cotangents;
import io.fisherwatch.runtime.ForwardPass;
import io.fisherwatch.runtime.Gradient;
import io.fisherwatch.runtime.GradientMemory;
import io.fisherwatch.runtime.Logits;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.snapshot.Estimate;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.OptionalDouble;
import java.util.OptionalInt;
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

  /** Probes that are spent on one batch to reach a target, at most. */
  private static final int MOST_PROBES = 1024;

  /** Word of a key that no term has: it draws the micro-batches that get a second probe. */
  private static final long PAIRING = -1;

  private final Model model;
  private final Likelihood likelihood;
  private final LayerMap layers;
  private final EstimatorSettings settings;
  private final Planning planning;
  private final OptionalDouble target;
  private final DiagonalSums diagonals;
  private final Progress progress;

  /** Where the gradients of plain probes are compared; null for an estimator of any other kind. */
  private final @Nullable GradientMemory memory;

  /**
   * @param target relative standard error of the trace of F that more probes are spent on until it
   *     is reached; empty to keep to the plan
   */
  BatchEstimator(
      Model model,
      Likelihood likelihood,
      LayerMap layers,
      EstimatorSettings settings,
      Planning planning,
      OptionalDouble target,
      DiagonalSums diagonals,
      Progress progress) {
    this(model, likelihood, layers, settings, planning, target, diagonals, progress, null);
  }

  private BatchEstimator(
      Model model,
      Likelihood likelihood,
      LayerMap layers,
      EstimatorSettings settings,
      Planning planning,
      OptionalDouble target,
      DiagonalSums diagonals,
      Progress progress,
      @Nullable GradientMemory memory) {
    this.model = model;
    this.likelihood = likelihood;
    this.layers = layers;
    this.settings = settings;
    this.planning = planning;
    this.target = target;
    this.diagonals = diagonals;
    this.progress = progress;
    this.memory = memory;
  }

  /**
   * Plain probes of whole batches, whose gradients are compared with one another.
   *
   * @param like their distribution and, turned over, their seed
   */
  static BatchEstimator plain(
      Model model,
      Likelihood likelihood,
      LayerMap layers,
      EstimatorSettings like,
      int probes,
      GradientMemory memory) {
    EstimatorSettings settings =
        new EstimatorSettings(
            EstimatorKind.HUTCHINSON,
            OptionalInt.empty(),
            OptionalInt.of(probes),
            OptionalInt.of(EstimatorSettings.WHOLE),
            like.distribution(),
            ~like.seed(),
            EnumSet.noneOf(Estimate.class),
            Budget.NONE);
    return new BatchEstimator(
        model,
        likelihood,
        layers,
        settings,
        new FixedPlanning(settings, OptionalDouble.empty()),
        OptionalDouble.empty(),
        new DiagonalSums(model, settings.diagonals(), false),
        Progress.NONE,
        memory);
  }

  /** The squares of a batch, and how they were made. */
  record Result(BatchTally tally, Terms terms, Plan plan, int examples, int classes) {}

  /**
   * Estimates one batch.
   *
   * @param key tells this batch's randomness from that of others
   * @throws ModelException if the model or the batch cannot be used
   */
  Result estimate(Batch batch, long... key) throws ModelException {
    try (BoundBatch bound = model.bind(batch.inputs())) {
      Work work = new Work(bound.examples(), key);
      work.round(bound, batch);
      work.reachTarget(bound, batch);
      return work.result();
    }
  }

  private Terms terms(Targets targets, Plan plan, int classes) throws ModelException {
    if (memory != null) {
      memory.clear();
      return Terms.plain(likelihood, classes);
    }
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
    return terms;
  }

  /** One batch in the making. */
  private final class Work {

    private final int examples;
    private final int microBatch;
    private final long[] probeKey;
    private @Nullable Begun begun;
    private @Nullable Cotangents cotangents;

    Work(int examples, long[] key) {
      this.examples = examples;
      this.microBatch = planning.microBatch(examples);
      this.probeKey = Arrays.copyOf(new long[] {settings.seed()}, key.length + 4);
      System.arraycopy(key, 0, probeKey, 1, key.length);
    }

    /** What is known once there are logits. */
    private final class Begun {
      private final Targets targets;
      private final Terms terms;
      private final double[] u;
      private final int classes;
      private Plan plan;
      private BatchTally tally;

      /** Probes of this round, the first of them, and the square root of their weight. */
      private int draws;

      private int firstDraw;
      private double amplitude = 1;

      Begun(Logits logits, Batch batch) throws ModelException {
        classes = logits.classes();
        if (classes < likelihood.minimumClasses()) {
          throw new ModelException(
              "one-class",
              "the logits have a single class, whose probability is always 1; a "
                  + likelihood.kind()
                  + " output needs "
                  + likelihood.minimumClasses());
        }
        targets = Targets.of(batch, examples, logits, likelihood);
        if (targets.unmasked() == 0) {
          throw new ModelException("empty-batch", "every position of the batch is masked");
        }
        int parts = Terms.mostParts(likelihood, classes);
        plan = planning.plan(parts, examples, logits.positions());
        terms = terms(targets, plan, classes);
        tally = newTally();
        u = new double[classes];
        draws = plan.probes();
      }

      BatchTally newTally() {
        return new BatchTally(
            layers, model.parameters().size(), terms, memory == null ? 0 : plan.probes());
      }

      /** Probes of a random term in this micro-batch: one in so many has a second one. */
      int draws(int from) {
        if (firstDraw > 0 || draws > 1 || plan.pairEvery() == 0) {
          return draws;
        }
        int index = from / microBatch;
        int block = index / plan.pairEvery();
        int chosen = (int) (probe(block, PAIRING, 0).uniform() * plan.pairEvery());
        int blocks = (examples / microBatch) / plan.pairEvery();
        return block < blocks && index % plan.pairEvery() == chosen ? 2 : 1;
      }
    }

    Result result() {
      Begun state = begun();
      return new Result(state.tally, state.terms, state.plan, examples, state.classes);
    }

    private Begun begun() {
      Begun state = begun;
      if (state == null) {
        throw new IllegalStateException("no micro-batch yet");
      }
      return state;
    }

    /** One way through the batch. */
    void round(BoundBatch bound, Batch batch) throws ModelException {
      for (int from = 0; from < examples; from += microBatch) {
        int to = Math.min(examples, from + microBatch);
        try (ForwardPass pass = bound.forward(from, to)) {
          if (begun == null) {
            begun = new Begun(pass.logits(), batch);
          }
          microBatch(pass, from);
        }
        progress.examplesDone(to, examples);
      }
    }

    /** Spends further probes on the batch until its error is what it should be. */
    void reachTarget(BoundBatch bound, Batch batch) throws ModelException {
      Begun state = begun();
      if (target.isEmpty() || settings.probes().isPresent()) {
        return;
      }
      int probes = state.plan.probes();
      state.firstDraw = probes + 1; // the second one of a pair has been drawn
      double error = state.tally.relativeError(Quantity.FISHER, 0);
      while (error > target.getAsDouble() && probes < MOST_PROBES) {
        double factor = error / target.getAsDouble();
        int wanted = (int) Math.min(MOST_PROBES, Math.ceil(1.1 * probes * factor * factor));
        state.draws = Math.max(2, Math.min(wanted - probes, 7 * probes));
        double share = (double) state.draws / (probes + state.draws);
        diagonals.scaleRandom(1 - share);
        state.amplitude = Math.sqrt(share);
        BatchTally before = state.tally;
        state.tally = state.newTally();
        round(bound, batch);
        before.addRound(state.tally, share);
        state.tally = before;
        state.firstDraw += state.draws;
        probes += state.draws;
        error = state.tally.relativeError(Quantity.FISHER, 0);
      }
      Plan plan = state.plan;
      state.plan =
          new Plan(plan.rank(), probes, plan.microBatch(), plan.pairEvery(), plan.reason());
    }

    private void microBatch(ForwardPass pass, int from) throws ModelException {
      Begun state = begun();
      boolean first = state.firstDraw == 0;
      Rows rows = Rows.of(pass.logits(), likelihood, from, state.targets);
      for (int i = 0; first && i < rows.count(); i++) {
        state.tally.addRow(rows.core(i));
      }
      for (Term term : state.terms.terms()) {
        if (settings.kind() == EstimatorKind.EXACT) {
          squareRowByRow(term, rows, pass);
        } else if (isRandom(term, rows)) {
          squareProbes(term, rows, pass, from);
        } else if (first) {
          squareOnce(term, rows, pass);
        }
      }
      if (first && state.tally.passes() == 0) {
        // All cotangents were zero: pull back zeros, to learn which parameters a path leads to.
        state.tally.addFixed(state.terms.terms().get(0), pass.pullBack(cleared(pass), null));
      }
    }

    private boolean isRandom(Term term, Rows rows) {
      boolean fixedSign = settings.distribution() == Distribution.RADEMACHER;
      return !term.rankOne() || rows.count() > 1 || !fixedSign;
    }

    private void squareProbes(Term term, Rows rows, ForwardPass pass, int from)
        throws ModelException {
      Begun state = begun();
      int draws = state.draws(from);
      double amplitude = state.amplitude / Math.sqrt(draws);
      for (int draw = 0; draw < draws; draw++) {
        Cotangents all = cleared(pass);
        for (int i = 0; i < rows.count(); i++) {
          Probe probe = probe(rows.place(i), term.id(), state.firstDraw + draw);
          term.part().fill(rows.core(i), rows.label(i), probe, state.u);
          double sign = term.rankOne() ? probe.next() : 1;
          multiply(state.u, sign * amplitude);
          all.set(rows.row(i), state.u);
        }
        if (!all.isZero()) {
          boolean compared = term.addsTo().contains(Quantity.FISHER);
          Gradient gradient =
              pass.pullBack(all, diagonals.of(term, true), compared ? memory : null);
          state.tally.addProbe(term, draw, gradient, 1 / (amplitude * amplitude));
        }
      }
      state.tally.closeMicroBatch(term, draws);
    }

    /** A rank-one part of a single row has no randomness but its sign, which squares away. */
    private void squareOnce(Term term, Rows rows, ForwardPass pass) throws ModelException {
      Cotangents all = cleared(pass);
      for (int i = 0; i < rows.count(); i++) {
        fill(term, rows, i, all);
      }
      if (!all.isZero()) {
        begun().tally.addFixed(term, pass.pullBack(all, diagonals.of(term, false)));
      }
    }

    /** A rank-one part of one row, alone: its square is the part of the diagonal, exactly. */
    private void squareRowByRow(Term term, Rows rows, ForwardPass pass) throws ModelException {
      for (int i = 0; i < rows.count(); i++) {
        Cotangents one = cleared(pass);
        fill(term, rows, i, one);
        if (!one.isZero()) {
          begun().tally.addFixed(term, pass.pullBack(one, diagonals.of(term, false)));
        }
      }
    }

    private void fill(Term term, Rows rows, int i, Cotangents into) throws ModelException {
      double[] u = begun().u;
      term.part().fill(rows.core(i), rows.label(i), probe(rows.place(i), term.id(), 0), u);
      into.set(rows.row(i), u);
    }

    private Probe probe(long place, long term, int draw) {
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
