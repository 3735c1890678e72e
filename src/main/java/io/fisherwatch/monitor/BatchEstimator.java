package io.fisherwatch.monitor;

import io.fisherwatch.likelihood.Likelihood;
import io.fisherwatch.runtime.BoundBatch;
import io.fisherwatch.runtime.Cotangents;
import io.fisherwatch.runtime.ExamplePass;
import io.fisherwatch.runtime.ForwardPass;
import io.fisherwatch.runtime.GradientMemory;
import io.fisherwatch.runtime.Logits;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.snapshot.Estimate;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.concurrent.atomic.AtomicInteger;
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

  /** Whether the gradients of plain probes may be held side by side. */
  private final boolean together;

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
    this(
        model,
        likelihood,
        layers,
        settings,
        planning,
        target,
        diagonals,
        crew,
        progress,
        null,
        false);
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
      @Nullable GradientMemory memory,
      boolean together) {
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
    this.together = together;
  }

  /**
   * Plain probes of whole batches, whose gradients are compared with one another.
   *
   * @param like their distribution and, turned over, their seed
   * @param together whether there is room for all gradients side by side
   */
  static BatchEstimator plain(
      Model model,
      Likelihood likelihood,
      LayerMap layers,
      EstimatorSettings like,
      int probes,
      Crew crew,
      GradientMemory memory,
      boolean together) {
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
        memory,
        together);
  }

  /**
   * The squares of a batch, and how they were made.
   *
   * @param pathReason why by the plain path; empty if tapped
   */
  record Result(
      BatchTally tally, Terms terms, Plan plan, String pathReason, int examples, int classes) {}

  /**
   * Estimates one batch.
   *
   * @param key tells this batch's randomness from that of others
   * @throws ModelException if the model or the batch cannot be used
   */
  Result estimate(Batch batch, long... key) throws ModelException {
    try (BoundBatch bound = model.bind(batch.inputs())) {
      boolean tapped = memory == null && settings.kind().splits() && bound.squaresEach();
      int microBatch = planning.microBatch(bound.examples(), tapped);
      try (ForwardPass first = first(bound, microBatch, tapped)) {
        Work work = new Work(batch, bound, microBatch, first, key);
        work.round(first);
        work.reachTarget(first);
        return work.result();
      }
    }
  }

  /** Opens a pass whose examples are squared each by itself, or one of the first micro-batch. */
  private ForwardPass first(BoundBatch bound, int microBatch, boolean tapped)
      throws ModelException {
    if (tapped && microBatch == 1) {
      ExamplePass pass = bound.forwardEach(0);
      // Exact squares every output of an example alone, of which a pass would not tell them apart.
      if (settings.kind() != EstimatorKind.EXACT || pass.logits().positions() == 1) {
        return pass;
      }
      pass.close();
    }
    return bound.forward(0, Math.min(bound.examples(), microBatch));
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
      this.plan =
          planning.plan(parts, examples, logits.positions()).via(first instanceof ExamplePass);
      this.terms = terms(targets, plan, classes);
      this.tally = newTally();
      this.draws = plan.probes();
    }

    private BatchTally newTally() {
      int compared = memory == null ? 0 : plan.probes();
      return new BatchTally(layers, model.parameters().size(), terms, compared);
    }

    Result result() {
      return new Result(tally, terms, plan, pathReason(), examples, classes);
    }

    private String pathReason() {
      if (plan.tapped()) {
        return "";
      }
      if (!settings.kind().splits()) {
        return settings.kind().label() + " squares whole batches";
      }
      return model
          .plainReason()
          .orElse(
              microBatch > 1
                  ? "micro-batches of " + microBatch + " examples are squared"
                  : "every position of an example is squared alone");
    }

    /** One way through the batch. The first round's first pass is closed once it is squared. */
    void round(ForwardPass first) throws ModelException {
      Round round =
          new Round(settings, targets, terms, plan, examples, classes, draws, firstDraw, amplitude);
      done.set(0);
      if (first instanceof ExamplePass pass) {
        squareExamples(round, pass);
      } else {
        squareMicroBatches(round, first);
      }
      if (firstDraw == 0 && tally.passes() == 0) {
        // All cotangents were zero: pull back zeros, to learn which parameters a path leads to.
        try (ForwardPass pass = bound.forward(0, Math.min(examples, microBatch))) {
          Cotangents zeros = new Cotangents(pass.logits());
          tally.addFixed(terms.terms().get(0), pass.pullBack(zeros, null));
        }
      }
    }

    /** Every example by itself, many in one pass, whose operations use all cores. */
    private void squareExamples(Round round, ExamplePass first) throws ModelException {
      ExampleLane lane = new ExampleLane(round, likelihood, key, tally, diagonals);
      int from = 0;
      while (from < examples) {
        int squared;
        if (from == 0 && firstDraw == 0) {
          lane.square(first, from);
          squared = first.logits().examples();
          first.close();
        } else {
          try (ExamplePass pass = bound.forwardEach(from)) {
            lane.square(pass, from);
            squared = pass.logits().examples();
          }
        }
        from += squared;
        progress.examplesDone(done.addAndGet(squared), examples);
      }
    }

    /** On as many threads as help; added up in the order of lanes. */
    private void squareMicroBatches(Round round, ForwardPass first) throws ModelException {
      int microBatches = (examples + microBatch - 1) / microBatch;
      int lanes = memory == null ? Math.min(crew.size(), microBatches) : 1;
      List<MicroBatchLane> rows = new ArrayList<>();
      List<BatchTally> tallies = new ArrayList<>();
      for (int lane = 0; lane < lanes; lane++) {
        tallies.add(lane == 0 ? tally : newTally());
        rows.add(
            new MicroBatchLane(
                round, likelihood, key, tallies.get(lane), diagonals.lane(lane), memory, together));
      }
      crew.work(
          lanes,
          lane -> {
            for (int index = lane; index < microBatches; index += lanes) {
              int from = index * microBatch;
              int to = Math.min(examples, from + microBatch);
              if (index == 0 && firstDraw == 0) {
                rows.get(lane).square(first, 0);
                first.close();
              } else {
                try (ForwardPass pass = bound.forward(from, to)) {
                  rows.get(lane).square(pass, from);
                }
              }
              progress.examplesDone(done.addAndGet(to - from), examples);
            }
          });
      for (BatchTally more : tallies.subList(1, lanes)) {
        tally.merge(more);
      }
      diagonals.collectLanes();
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
      plan = plan.withProbes(probes);
    }

    /** An error of few degrees of freedom may be small by chance, and is not trusted. */
    private boolean isReached(double wished) {
      double variance = tally.variance(Quantity.FISHER, 0);
      return variance == 0
          || (tally.relativeError(Quantity.FISHER, 0) <= wished
              && tally.freedom(Quantity.FISHER, 0) >= LEAST_FREEDOM);
    }
  }
}
