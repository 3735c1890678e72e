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
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
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

  /** Degrees of freedom below which a variance is not trusted to say that a target is reached. */
  private static final double LEAST_FREEDOM = 8;

  /** Word of a key that no term has: it draws the micro-batches that get a second probe. */
  private static final long PAIRING = -1;

  private final Model model;
  private final Likelihood likelihood;
  private final LayerMap layers;
  private final EstimatorSettings settings;
  private final Planning planning;
  private final OptionalDouble target;
  private final DiagonalSums diagonals;
  private final Crew crew;
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
      Crew crew,
      Progress progress) {
    this(model, likelihood, layers, settings, planning, target, diagonals, crew, progress, null);
  }

  private BatchEstimator(
      Model model,
      Likelihood likelihood,
      LayerMap layers,
      EstimatorSettings settings,
      Planning planning,
      OptionalDouble target,
      DiagonalSums diagonals,
      Crew crew,
      Progress progress,
      @Nullable GradientMemory memory) {
    this.model = model;
    this.likelihood = likelihood;
    this.layers = layers;
    this.settings = settings;
    this.planning = planning;
    this.target = target;
    this.diagonals = diagonals;
    this.crew = crew;
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
      Crew crew,
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
        crew,
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
      int microBatch = planning.microBatch(bound.examples());
      try (ForwardPass first = bound.forward(0, Math.min(bound.examples(), microBatch))) {
        Work work = new Work(batch, bound, microBatch, first, key);
        work.round(first);
        work.reachTarget(first);
        return work.result();
      }
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
    private final long[] key;
    private final BoundBatch bound;
    private final Targets targets;
    private final Terms terms;
    private final int classes;
    private Plan plan;
    private BatchTally tally;

    /** Probes of this round, the first of them, and the square root of their weight. */
    private int draws;

    private int firstDraw;
    private double amplitude = 1;
    private final AtomicInteger done = new AtomicInteger();

    /**
     * @param first a forward pass of the first micro-batch
     */
    Work(Batch batch, BoundBatch bound, int microBatch, ForwardPass first, long[] key)
        throws ModelException {
      Logits logits = first.logits();
      this.bound = bound;
      this.examples = bound.examples();
      this.microBatch = microBatch;
      this.key = key.clone();
      this.classes = logits.classes();
      if (classes < likelihood.minimumClasses()) {
        throw new ModelException(
            "one-class",
            "the logits have a single class, whose probability is always 1; a "
                + likelihood.kind()
                + " output needs "
                + likelihood.minimumClasses());
      }
      this.targets = Targets.of(batch, examples, logits, likelihood);
      if (targets.unmasked() == 0) {
        throw new ModelException("empty-batch", "every position of the batch is masked");
      }
      int parts = Terms.mostParts(likelihood, classes);
      this.plan = planning.plan(parts, examples, logits.positions());
      this.terms = terms(targets, plan, classes);
      this.tally = newTally();
      this.draws = plan.probes();
    }

    private BatchTally newTally() {
      int compared = memory == null ? 0 : plan.probes();
      return new BatchTally(layers, model.parameters().size(), terms, compared);
    }

    Result result() {
      return new Result(tally, terms, plan, examples, classes);
    }

    /** One way through the batch, on as many threads as help; added up in the order of lanes. */
    void round(ForwardPass first) throws ModelException {
      int microBatches = (examples + microBatch - 1) / microBatch;
      int lanes = memory == null ? Math.min(crew.size(), microBatches) : 1;
      List<Row> rows = new ArrayList<>();
      for (int lane = 0; lane < lanes; lane++) {
        rows.add(new Row(lane == 0 ? tally : newTally(), diagonals.lane(lane)));
      }
      done.set(0);
      crew.work(
          lanes,
          lane -> {
            for (int index = lane; index < microBatches; index += lanes) {
              int from = index * microBatch;
              int to = Math.min(examples, from + microBatch);
              if (index == 0 && firstDraw == 0) {
                rows.get(lane).microBatch(first, 0);
              } else {
                try (ForwardPass pass = bound.forward(from, to)) {
                  rows.get(lane).microBatch(pass, from);
                }
              }
              progress.examplesDone(done.addAndGet(to - from), examples);
            }
          });
      for (Row row : rows.subList(1, lanes)) {
        tally.merge(row.tally);
      }
      diagonals.collectLanes();
      if (firstDraw == 0 && tally.passes() == 0) {
        // All cotangents were zero: pull back zeros, to learn which parameters a path leads to.
        tally.addFixed(terms.terms().get(0), first.pullBack(new Cotangents(first.logits()), null));
      }
    }

    /** Spends further probes on the batch until its error is what it should be. */
    void reachTarget(ForwardPass first) throws ModelException {
      if (target.isEmpty() || settings.probes().isPresent()) {
        return;
      }
      double wished = target.getAsDouble();
      int probes = plan.probes();
      firstDraw = probes + 1; // the second one of a pair has been drawn
      while (!isReached(wished) && probes < MOST_PROBES) {
        double factor = tally.relativeError(Quantity.FISHER, 0) / wished;
        int wanted = (int) Math.min(MOST_PROBES, Math.ceil(1.1 * probes * factor * factor));
        draws = Math.max(2, Math.min(wanted - probes, 7 * probes));
        double share = (double) draws / (probes + draws);
        diagonals.scaleRandom(1 - share);
        amplitude = Math.sqrt(share);
        BatchTally before = tally;
        tally = newTally();
        round(first);
        before.addRound(tally, share);
        tally = before;
        firstDraw += draws;
        probes += draws;
      }
      plan = new Plan(plan.rank(), probes, plan.microBatch(), plan.pairEvery(), plan.reason());
    }

    /** An error of few degrees of freedom may be small by chance, and is not trusted. */
    private boolean isReached(double wished) {
      double variance = tally.variance(Quantity.FISHER, 0);
      return variance == 0
          || (tally.relativeError(Quantity.FISHER, 0) <= wished
              && tally.freedom(Quantity.FISHER, 0) >= LEAST_FREEDOM);
    }

    /** The micro-batches of one lane, in a row. */
    private final class Row {

      private final BatchTally tally;
      private final DiagonalSums diagonals;
      private final double[] u = new double[classes];
      private final long[] probeKey;
      private @Nullable Cotangents cotangents;

      Row(BatchTally tally, DiagonalSums diagonals) {
        this.tally = tally;
        this.diagonals = diagonals;
        this.probeKey = Arrays.copyOf(new long[] {settings.seed()}, key.length + 4);
        System.arraycopy(key, 0, probeKey, 1, key.length);
      }

      void microBatch(ForwardPass pass, int from) throws ModelException {
        boolean firstRound = firstDraw == 0;
        Rows rows = Rows.of(pass.logits(), likelihood, from, targets);
        for (int i = 0; firstRound && i < rows.count(); i++) {
          tally.addRow(rows.core(i));
        }
        for (Term term : terms.terms()) {
          if (settings.kind() == EstimatorKind.EXACT) {
            squareRowByRow(term, rows, pass);
          } else if (isRandom(term, rows)) {
            squareProbes(term, rows, pass, draws(from));
          } else if (firstRound) {
            squareOnce(term, rows, pass);
          }
        }
      }

      /** A whole batch is squared probe by probe even if it is one row: probes are compared. */
      private boolean isRandom(Term term, Rows rows) {
        boolean fixedSign = settings.distribution() == Distribution.RADEMACHER;
        boolean compared = !settings.kind().splits() && microBatch >= examples;
        return !term.rankOne() || rows.count() > 1 || !fixedSign || compared;
      }

      /** Probes of a random term in this micro-batch: one in so many has a second one. */
      private int draws(int from) {
        if (firstDraw > 0 || draws > 1 || plan.pairEvery() == 0) {
          return draws;
        }
        int index = from / microBatch;
        int block = index / plan.pairEvery();
        int chosen = (int) (probe(block, PAIRING, 0).uniform() * plan.pairEvery());
        int blocks = (examples + microBatch - 1) / microBatch / plan.pairEvery();
        return block < blocks && index % plan.pairEvery() == chosen ? 2 : 1;
      }

      private void squareProbes(Term term, Rows rows, ForwardPass pass, int count)
          throws ModelException {
        double scale = Work.this.amplitude / Math.sqrt(count);
        double[][] squares = new double[count][];
        for (int draw = 0; draw < count; draw++) {
          Cotangents all = cleared(pass);
          for (int i = 0; i < rows.count(); i++) {
            Probe probe = probe(rows.place(i), term.id(), firstDraw + draw);
            term.part().fill(rows.core(i), rows.label(i), probe, u);
            double sign = term.rankOne() ? probe.next() : 1;
            multiply(u, sign * scale);
            all.set(rows.row(i), u);
          }
          int probe = draw;
          squares[draw] = tally.noSquares();
          pullBack(
              pass,
              all,
              term,
              true,
              gradient ->
                  squares[probe] = tally.enterProbe(term, probe, gradient, 1 / (scale * scale)));
        }
        tally.closeMicroBatch(term, squares);
      }

      /** A rank-one part of a single row has no randomness but its sign, which squares away. */
      private void squareOnce(Term term, Rows rows, ForwardPass pass) throws ModelException {
        Cotangents all = cleared(pass);
        for (int i = 0; i < rows.count(); i++) {
          fill(term, rows, i, all);
        }
        pullBack(pass, all, term, false, gradient -> tally.addFixed(term, gradient));
      }

      /** A rank-one part of one row, alone: its square is the part of the diagonal, exactly. */
      private void squareRowByRow(Term term, Rows rows, ForwardPass pass) throws ModelException {
        for (int i = 0; i < rows.count(); i++) {
          Cotangents one = cleared(pass);
          fill(term, rows, i, one);
          pullBack(pass, one, term, false, gradient -> tally.addFixed(term, gradient));
        }
      }

      private void fill(Term term, Rows rows, int i, Cotangents into) throws ModelException {
        term.part().fill(rows.core(i), rows.label(i), probe(rows.place(i), term.id(), 0), u);
        into.set(rows.row(i), u);
      }

      /** Pulls back cotangents, unless they are zero, and hands on what is left of the gradient. */
      private void pullBack(
          ForwardPass pass, Cotangents all, Term term, boolean random, Consumer<Gradient> then)
          throws ModelException {
        if (all.isZero()) {
          return;
        }
        boolean compared = term.addsTo().contains(Quantity.FISHER);
        then.accept(pass.pullBack(all, diagonals.of(term, random), compared ? memory : null));
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
  }

  private static void multiply(double[] values, double factor) {
    if (factor != 1) {
      for (int i = 0; i < values.length; i++) {
        values[i] *= factor;
      }
    }
  }
}
