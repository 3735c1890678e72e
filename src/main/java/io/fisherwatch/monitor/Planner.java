package io.fisherwatch.monitor;

import io.fisherwatch.estimate.DecayedMoments;
import io.fisherwatch.estimate.NestedMoments;
import java.io.IOException;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Chooses the micro-batch and the probes of a stream's batches, from what it sees of them: the
 * least cost × variance of the trace of F over the whole model.
 *
 * <p>With σ²_B the variance between batches, σ²_W(m) that of one probe at micro-batch m and K
 * probes, a batch of cost c(m, K) is worth 1/(σ²_B + σ²_W(m)/K). Sizes are tried from the finest
 * upwards, each for a few batches, until they only get worse; later one neighbour of the best is
 * tried now and then. Every size estimates the same, so that trying costs no more than variance.
 * The optimal number of probes is √(c₀σ²_W/(c₁σ²_B)) with c₀ the cost of a batch without probes and
 * c₁ that of a probe. A choice is left only for one that is better by a fifth.
 *
 * <p>Cost is counted work ({@link Plan#work}), or seconds where there is a budget of time: so that
 * without one the same events give the same choices on any machine.
 */
final class Planner implements Planning {

  private static final int LARGEST = 32;
  private static final int TRIALS = 2;
  private static final int TRY_AGAIN_EVERY = 64;
  private static final int MOST_PROBES = 8;
  private static final int MOST_PROBES_FOR_TARGET = 64;
  private static final int PAIR_EVERY = 4;
  private static final double HOPELESS = 1.5;
  private static final double BETTER = 0.8;
  private static final double FORGETTING = 0.9;

  private final EstimatorSettings settings;
  private final long parameters;
  private final boolean held;
  private final TreeMap<Integer, Arm> arms = new TreeMap<>();
  private int current;
  private int probes;
  private int inHand;

  /** The size that is held; 0 until one has been chosen. */
  private int heldSize;

  private long batches;
  private double betweenVariance = Double.NaN;
  private BatchEstimator.@Nullable Result latest;
  private String why = "examples squared one at a time, nothing measured yet";

  /** What is known of a micro-batch: a probe's relative variance and a batch's cost per example. */
  private static final class Arm {
    private final DecayedMoments variance;
    private final DecayedMoments cost;

    Arm(DecayedMoments variance, DecayedMoments cost) {
      this.variance = variance;
      this.cost = cost;
    }

    double score(double probes, double between) {
      return cost.mean() * (variance.mean() / probes + between);
    }
  }

  /**
   * @param parameters scalars of the model
   * @param held whether choices change only with {@link #adopt()}
   */
  Planner(EstimatorSettings settings, long parameters, boolean held) {
    this.held = held;
    this.settings = settings;
    this.parameters = parameters;
    this.probes = settings.probes().orElse(2);
  }

  /** Whether there is anything to choose. */
  static boolean isNeeded(EstimatorSettings settings) {
    return settings.kind() == EstimatorKind.DEFLATED
        && (settings.microBatch().isEmpty() || settings.probes().isEmpty());
  }

  @Override
  public int microBatch(int examples, boolean tapped) {
    if (settings.microBatch().isPresent()) {
      inHand = Math.min(examples, settings.microBatch().getAsInt());
      return inHand;
    }
    if (tapped) {
      // Nothing to weigh: each example by itself costs no more, and has the least variance.
      current = 1;
      inHand = 1;
      heldSize = 1;
      return inHand;
    }
    if (held && heldSize > 0) {
      inHand = Math.max(Plan.finest(examples, false), Math.min(examples, heldSize));
      return inHand;
    }
    int finest = Plan.finest(examples, false);
    int largest = Math.max(finest, Math.min(LARGEST, examples));
    current = Math.max(finest, Math.min(largest, current));
    inHand = current;
    Integer trial = trial(finest, largest);
    if (trial != null) {
      inHand = trial;
    }
    heldSize = inHand;
    return inHand;
  }

  /** A size that is worth a batch to learn about it, or null. */
  private @Nullable Integer trial(int finest, int largest) {
    for (int size = finest; size <= largest; size *= 2) {
      Arm arm = arms.get(size);
      if (arm == null || arm.cost.effectiveCount() < TRIALS) {
        return size;
      }
      Arm best = arms.get(current);
      if (best != null && isWorse(arm, best)) {
        break;
      }
    }
    if (batches % TRY_AGAIN_EVERY == TRY_AGAIN_EVERY - 1) {
      boolean up = batches / TRY_AGAIN_EVERY % 2 == 0;
      int neighbour = up ? current * 2 : current / 2;
      return neighbour >= finest && neighbour <= largest ? neighbour : null;
    }
    return null;
  }

  private boolean isWorse(Arm arm, Arm best) {
    return score(arm) > HOPELESS * score(best);
  }

  private double score(Arm arm) {
    double score = arm.score(probes, Double.isNaN(betweenVariance) ? 0 : betweenVariance);
    OptionalDouble seconds = settings.budget().secondsPerBatch();
    return seconds.isPresent() && arm.cost.mean() > seconds.getAsDouble() ? 1e9 * score : score;
  }

  @Override
  public Plan plan(int parts, int examples, int positions) {
    int rank = FixedPlanning.rank(settings, parts);
    int microBatches = (examples + inHand - 1) / inHand;
    int pairEvery = probes == 1 ? Math.min(PAIR_EVERY, microBatches) : 0;
    return new Plan(rank, probes, inHand, pairEvery, why);
  }

  /**
   * Learns from a batch.
   *
   * @param trace the running trace of F over the whole model
   * @param seconds that the batch took; ignored without a budget of time
   */
  void observe(BatchEstimator.Result result, NestedMoments trace, double seconds) {
    batches++;
    Plan plan = result.plan();
    BatchTally tally = result.tally();
    double mean = trace.means().mean();
    double single =
        tally.variance(Quantity.FISHER, 0)
            * plan.probes()
            / ((double) tally.positions() * tally.positions());
    if (tally.nonFinite(0) > 0 || !(mean > 0) || !Double.isFinite(single)) {
      return;
    }
    betweenVariance = Math.max(0, trace.betweenVariance()) / (mean * mean);
    Arm arm =
        arms.computeIfAbsent(
            plan.microBatch(), any -> new Arm(new DecayedMoments(), new DecayedMoments()));
    arm.variance.age(FORGETTING);
    arm.variance.add(single / (mean * mean), 1);
    arm.cost.age(FORGETTING);
    arm.cost.add(cost(result, seconds), 1);
    latest = result;
    if (!held) {
      choose(result);
    }
  }

  /** Draws the consequences of what has been learnt, where choices are held. */
  void adopt() {
    BatchEstimator.Result result = latest;
    if (held && result != null) {
      choose(result);
      heldSize = 0;
      latest = null;
    }
  }

  private void choose(BatchEstimator.Result result) {
    chooseSize();
    chooseProbes(result);
  }

  private double cost(BatchEstimator.Result result, double seconds) {
    return settings.budget().secondsPerBatch().isPresent()
        ? seconds
        : work(result, result.plan()) / result.examples();
  }

  private double work(BatchEstimator.Result result, Plan plan) {
    return plan.work(
        result.examples(), result.terms().once(plan), result.terms().repeated(plan), parameters);
  }

  private void chooseSize() {
    if (settings.microBatch().isPresent()) {
      return;
    }
    int best = current;
    for (Map.Entry<Integer, Arm> entry : arms.entrySet()) {
      Arm now = arms.get(best);
      double margin = best == current ? BETTER : 1;
      if (now == null || score(entry.getValue()) < margin * score(now)) {
        best = entry.getKey();
      }
    }
    current = best;
  }

  private void chooseProbes(BatchEstimator.Result result) {
    Arm arm = arms.get(current);
    if (settings.probes().isPresent() || arm == null || Double.isNaN(betweenVariance)) {
      why = reason();
      return;
    }
    double variance = arm.variance.mean();
    OptionalDouble target = settings.budget().targetRelativeError();
    double wanted;
    int most = target.isPresent() ? MOST_PROBES_FOR_TARGET : MOST_PROBES;
    if (target.isPresent()) {
      wanted = Math.ceil(variance / (target.getAsDouble() * target.getAsDouble()));
    } else {
      Plan plan = new Plan(result.plan().rank(), 1, current).via(result.plan().tapped());
      double one = work(result, plan);
      double probe = work(result, plan.withProbes(2)) - one;
      wanted =
          probe > 0 && variance > 0
              ? Math.sqrt((one - probe) / probe * variance / betweenVariance)
              : 1;
    }
    int chosen = (int) Math.max(1, Math.min(most, Math.round(wanted)));
    boolean clearly = wanted > probes / BETTER || wanted < probes * BETTER;
    if (clearly) {
      probes = chosen;
    }
    why = reason();
  }

  private String reason() {
    Arm arm = arms.get(current);
    if (arm == null) {
      return why;
    }
    StringBuilder text = new StringBuilder();
    text.append(
        settings.microBatch().isPresent()
            ? "micro-batch as given"
            : latestTapped()
                ? "examples squared one at a time, in one pass"
                : "micro-batch " + current + " has the least cost × variance of " + arms.keySet());
    text.append(
        settings.probes().isPresent()
            ? "; probes as given"
            : settings.budget().targetRelativeError().isPresent()
                ? "; probes for a relative error of "
                    + settings.budget().targetRelativeError().getAsDouble()
                : String.format(
                    Locale.ROOT,
                    "; a probe's error is %.2g of the trace, that between batches %.2g",
                    Math.sqrt(arm.variance.mean()),
                    Math.sqrt(betweenVariance)));
    return text.toString();
  }

  private boolean latestTapped() {
    return latest != null && latest.plan().tapped();
  }

  void save(StateSheet sheet) {
    sheet.longs("planner/sizes", arms.keySet().stream().mapToLong(Integer::longValue).toArray());
    sheet.accumulators(
        "planner/variances",
        arms.values().stream().map(arm -> arm.variance).toArray(DecayedMoments[]::new));
    sheet.accumulators(
        "planner/costs",
        arms.values().stream().map(arm -> arm.cost).toArray(DecayedMoments[]::new));
    sheet.longs("planner/choice", current, probes, batches, heldSize);
    sheet.doubles("planner/between", betweenVariance);
    sheet.text("planner/why", why);
  }

  /** Takes up choices; those of a state without a planner are made anew. */
  void restore(StateReading reading) throws IOException {
    if (!reading.has("planner/sizes")) {
      return;
    }
    long[] sizes = reading.longs("planner/sizes");
    DecayedMoments[] variances = Figured.moments(sizes.length);
    DecayedMoments[] costs = Figured.moments(sizes.length);
    reading.accumulators("planner/variances", variances);
    reading.accumulators("planner/costs", costs);
    for (int i = 0; i < sizes.length; i++) {
      arms.put((int) sizes[i], new Arm(variances[i], costs[i]));
    }
    long[] choice = reading.longs("planner/choice", 4);
    current = (int) choice[0];
    probes = settings.probes().orElse((int) choice[1]);
    batches = choice[2];
    heldSize = (int) choice[3];
    betweenVariance = reading.doubles("planner/between", 1)[0];
    why = reading.text("planner/why");
  }
}
