package io.fisherwatch.monitor;

import io.fisherwatch.likelihood.Likelihood;
import io.fisherwatch.runtime.Cotangents;
import io.fisherwatch.runtime.ForwardPass;
import io.fisherwatch.runtime.Gradient;
import io.fisherwatch.runtime.GradientMemory;
import io.fisherwatch.runtime.ModelException;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** The plain path: one thread's micro-batches, each squared by passes of its own. */
final class MicroBatchLane {

  /** Numbers in all cotangents up to which they are made at once. */
  private static final long MOST_COTANGENTS = 4_000_000;

  private final Round round;
  private final Likelihood likelihood;
  private final Drawing drawing;
  private final BatchTally tally;
  private final DiagonalSums diagonals;
  private final @Nullable GradientMemory memory;
  private final boolean together;

  /**
   * @param memory where gradients are compared, or null
   * @param together whether the gradients of all probes may be held side by side
   */
  MicroBatchLane(
      Round round,
      Likelihood likelihood,
      long[] key,
      BatchTally tally,
      DiagonalSums diagonals,
      @Nullable GradientMemory memory,
      boolean together) {
    this.round = round;
    this.likelihood = likelihood;
    this.drawing = new Drawing(round, key);
    this.tally = tally;
    this.diagonals = diagonals;
    this.memory = memory;
    this.together = together;
  }

  /**
   * Squares a micro-batch.
   *
   * @param from its first example
   */
  void square(ForwardPass pass, int from) throws ModelException {
    Rows rows = Rows.of(pass.logits(), likelihood, from, round.targets());
    for (int i = 0; round.isFirst() && i < rows.count(); i++) {
      tally.addRow(rows.core(i));
    }
    for (Term term : round.terms().terms()) {
      if (round.settings().kind() == EstimatorKind.EXACT) {
        rowByRow(term, rows, pass);
      } else if (round.isRandom(term, rows)) {
        int count = round.draws(from, drawing);
        if (together && (long) count * pass.logits().rows() * round.classes() <= MOST_COTANGENTS) {
          probesTogether(term, rows, pass, count);
        } else {
          probes(term, rows, pass, count);
        }
      } else if (round.isFirst()) {
        once(term, rows, pass);
      }
    }
  }

  private void probes(Term term, Rows rows, ForwardPass pass, int count) throws ModelException {
    double scale = round.scale(count);
    double[][] squares = new double[count][];
    for (int draw = 0; draw < count; draw++) {
      Cotangents all = drawing.cleared(pass.logits());
      boolean any = drawing.random(term, rows, draw, scale, all);
      int probe = draw;
      squares[draw] = tally.noSquares();
      if (any) {
        pullBack(
            pass,
            all,
            term,
            true,
            gradient ->
                squares[probe] = tally.enterProbe(term, probe, gradient, 1 / (scale * scale)));
      }
    }
    tally.closeMicroBatch(term, squares);
  }

  /** The same where all gradients fit side by side: one call makes and compares them. */
  private void probesTogether(Term term, Rows rows, ForwardPass pass, int count)
      throws ModelException {
    double scale = round.scale(count);
    List<Cotangents> all = drawing.cleared(pass.logits(), 0, count);
    for (int draw = 0; draw < count; draw++) {
      boolean unused = drawing.random(term, rows, draw, scale, all.get(draw));
    }
    double[][] squares = new double[count][];
    boolean compared = term.addsTo().contains(Quantity.FISHER);
    List<Gradient> gradients = pass.pullBackTogether(all, compared);
    for (int draw = 0; draw < count; draw++) {
      squares[draw] = tally.enterProbe(term, draw, gradients.get(draw), 1 / (scale * scale));
    }
    tally.closeMicroBatch(term, squares);
  }

  /** A rank-one part of a single row has no randomness but its sign, which squares away. */
  private void once(Term term, Rows rows, ForwardPass pass) throws ModelException {
    Cotangents all = drawing.cleared(pass.logits());
    boolean any = false;
    for (int i = 0; i < rows.count(); i++) {
      any |= drawing.fixed(term, rows, i, all);
    }
    if (any) {
      pullBack(pass, all, term, false, gradient -> tally.addFixed(term, gradient));
    }
  }

  /** A rank-one part of one row, alone: its square is the part of the diagonal, exactly. */
  private void rowByRow(Term term, Rows rows, ForwardPass pass) throws ModelException {
    for (int i = 0; i < rows.count(); i++) {
      Cotangents one = drawing.cleared(pass.logits());
      if (drawing.fixed(term, rows, i, one)) {
        pullBack(pass, one, term, false, gradient -> tally.addFixed(term, gradient));
      }
    }
  }

  private void pullBack(
      ForwardPass pass, Cotangents all, Term term, boolean random, Consumer<Gradient> then)
      throws ModelException {
    boolean compared = term.addsTo().contains(Quantity.FISHER);
    then.accept(pass.pullBack(all, diagonals.of(term, random), compared ? memory : null));
  }
}
