package io.fisherwatch.monitor;

import io.fisherwatch.likelihood.Core;
import io.fisherwatch.likelihood.Likelihood;
import io.fisherwatch.runtime.Logits;
import io.fisherwatch.runtime.ModelException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The unmasked rows of a micro-batch's logits with their cores. Cores are kept between terms as
 * long as they are few; of a large vocabulary they are made again each time, so that memory stays
 * within a row.
 */
final class Rows {

  /** Numbers in the logits up to which all cores are kept: at most about 200 MB. */
  private static final long KEPT = 2_000_000;

  private final Logits logits;
  private final Likelihood likelihood;
  private final int firstExample;
  private final int[] rows;
  private final Targets targets;
  private final @Nullable Core[] kept;

  private Rows(
      Logits logits,
      Likelihood likelihood,
      int firstExample,
      int[] rows,
      Targets targets,
      boolean keep) {
    this.logits = logits;
    this.likelihood = likelihood;
    this.firstExample = firstExample;
    this.rows = rows;
    this.targets = targets;
    this.kept = new @Nullable Core[keep ? rows.length : 0];
  }

  /** The unmasked rows of the logits of the examples from {@code firstExample} on. */
  static Rows of(Logits logits, Likelihood likelihood, int firstExample, Targets targets) {
    return of(logits, likelihood, firstExample, targets, 0, logits.rows());
  }

  /** The same, of every example by itself. */
  static List<Rows> each(Logits logits, Likelihood likelihood, int firstExample, Targets targets) {
    List<Rows> each = new ArrayList<>();
    for (int from = 0; from < logits.rows(); from += logits.positions()) {
      each.add(of(logits, likelihood, firstExample, targets, from, from + logits.positions()));
    }
    return each;
  }

  private static Rows of(
      Logits logits, Likelihood likelihood, int firstExample, Targets targets, int from, int to) {
    int[] rows = new int[to - from];
    int count = 0;
    for (int row = from; row < to; row++) {
      if (!targets.isMasked(firstExample * logits.positions() + row)) {
        rows[count++] = row;
      }
    }
    boolean keep = (long) logits.rows() * logits.classes() <= KEPT;
    return new Rows(logits, likelihood, firstExample, Arrays.copyOf(rows, count), targets, keep);
  }

  /** How many there are. */
  int count() {
    return rows.length;
  }

  /** The row of the logits that is the i-th unmasked one. */
  int row(int i) {
    return rows[i];
  }

  /** The row's place in the whole batch, which its randomness hangs on. */
  long place(int i) {
    return (long) firstExample * logits.positions() + rows[i];
  }

  /** The row's label; −1 if there is none. */
  int label(int i) {
    return targets.label((int) place(i));
  }

  /**
   * The row's core.
   *
   * @throws ModelException {@code non-finite-logits}
   */
  Core core(int i) throws ModelException {
    if (kept.length == 0) {
      return make(i);
    }
    Core core = kept[i];
    if (core == null) {
      core = make(i);
      kept[i] = core;
    }
    return core;
  }

  private Core make(int i) throws ModelException {
    try {
      return likelihood.core(logits.row(rows[i]));
    } catch (IllegalArgumentException e) {
      throw new ModelException(
          "non-finite-logits", "output " + place(i) + " of the batch: " + e.getMessage(), e);
    }
  }
}
