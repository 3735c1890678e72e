package io.fisherwatch.monitor;

import io.fisherwatch.likelihood.Likelihood;
import io.fisherwatch.runtime.Cotangents;
import io.fisherwatch.runtime.ExamplePass;
import io.fisherwatch.runtime.ModelException;
import java.util.ArrayList;
import java.util.List;

/**
 * The tapped path: many examples in one pass, each squared by itself. The same squares, from the
 * same draws, as micro-batches of one give.
 */
final class ExampleLane {

  private final Round round;
  private final Likelihood likelihood;
  private final Drawing drawing;
  private final BatchTally tally;
  private final DiagonalSums diagonals;

  ExampleLane(
      Round round, Likelihood likelihood, long[] key, BatchTally tally, DiagonalSums diagonals) {
    this.round = round;
    this.likelihood = likelihood;
    this.drawing = new Drawing(round, key);
    this.tally = tally;
    this.diagonals = diagonals;
  }

  /**
   * Squares the examples of a pass.
   *
   * @param from the first of them
   */
  void square(ExamplePass pass, int from) throws ModelException {
    List<Rows> examples = Rows.each(pass.logits(), likelihood, from, round.targets());
    for (Rows rows : examples) {
      for (int i = 0; round.isFirst() && i < rows.count(); i++) {
        tally.addRow(rows.core(i));
      }
    }
    int[] draws = new int[examples.size()];
    for (int i = 0; i < draws.length; i++) {
      draws[i] = round.draws(from + i, drawing);
    }
    Pulls pulls = new Pulls(pass, drawing);
    for (Term term : round.terms().terms()) {
      probes(term, examples, pulls, draws);
      if (round.isFirst()) {
        once(term, examples, pulls);
      }
    }
    pulls.make();
  }

  private boolean isRandom(Term term, Rows rows) {
    return round.settings().kind() != EstimatorKind.EXACT && round.isRandom(term, rows);
  }

  private void probes(Term term, List<Rows> examples, Pulls pulls, int[] draws)
      throws ModelException {
    List<double[][]> squares = new ArrayList<>();
    int most = 0;
    for (int i = 0; i < examples.size(); i++) {
      boolean random = isRandom(term, examples.get(i));
      squares.add(new double[random ? draws[i] : 0][]);
      most = Math.max(most, squares.get(i).length);
    }
    for (int draw = 0; draw < most; draw++) {
      Cotangents all = pulls.cotangents();
      boolean[] any = new boolean[examples.size()];
      for (int i = 0; i < any.length; i++) {
        if (draw < squares.get(i).length) {
          squares.get(i)[draw] = tally.noSquares();
          double scale = round.scale(draws[i]);
          any[i] = drawing.random(term, examples.get(i), draw, scale, all);
        }
      }
      if (!all.isZero()) {
        int probe = draw;
        pulls.add(
            all,
            diagonals.of(term, true),
            gradients -> {
              for (int i = 0; i < any.length; i++) {
                if (any[i]) {
                  double scale = round.scale(draws[i]);
                  squares.get(i)[probe] =
                      tally.enterProbe(term, probe, gradients.get(i), 1 / (scale * scale));
                }
              }
            });
      }
    }
    pulls.then(
        () -> {
          for (double[][] probes : squares) {
            if (probes.length > 0) {
              tally.closeMicroBatch(term, probes);
            }
          }
        });
  }

  private void once(Term term, List<Rows> examples, Pulls pulls) throws ModelException {
    Cotangents all = pulls.cotangents();
    boolean[] any = new boolean[examples.size()];
    for (int i = 0; i < any.length; i++) {
      Rows rows = examples.get(i);
      for (int row = 0; !isRandom(term, rows) && row < rows.count(); row++) {
        any[i] |= drawing.fixed(term, rows, row, all);
      }
    }
    if (!all.isZero()) {
      pulls.add(
          all,
          diagonals.of(term, false),
          gradients -> {
            for (int i = 0; i < any.length; i++) {
              if (any[i]) {
                tally.addFixed(term, gradients.get(i));
              }
            }
          });
    }
  }
}
