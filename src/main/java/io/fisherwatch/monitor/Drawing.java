package io.fisherwatch.monitor;

import io.fisherwatch.likelihood.Probe;
import io.fisherwatch.likelihood.Probes;
import io.fisherwatch.runtime.Cotangents;
import io.fisherwatch.runtime.Logits;
import io.fisherwatch.runtime.ModelException;
import java.util.ArrayList;
import java.util.List;

/** Makes the cotangents of terms, from keys that hang on a row's place alone. For one thread. */
final class Drawing {

  private final Round round;
  private final double[] u;
  private final Probes probes;

  /** For terms without randomness. */
  private final Probe ignored;

  private final List<Cotangents> cotangents = new ArrayList<>();

  /**
   * @param key tells the batch's randomness from that of others
   */
  Drawing(Round round, long[] key) {
    this.round = round;
    this.u = new double[round.classes()];
    long[] first = new long[key.length + 1];
    first[0] = round.settings().seed();
    System.arraycopy(key, 0, first, 1, key.length);
    this.probes = new Probes(round.settings().distribution(), first);
    this.ignored = probe(0, 0, 0);
  }

  /** Cotangents of as many rows, all zero: the same ones each time. */
  Cotangents cleared(Logits logits) {
    return cleared(logits, 0, 1).get(0);
  }

  /** So many of them; those before the first stay as they are. */
  List<Cotangents> cleared(Logits logits, int first, int count) {
    if (!cotangents.isEmpty() && cotangents.get(0).rows() != logits.rows()) {
      cotangents.clear();
    }
    while (cotangents.size() < first + count) {
      cotangents.add(new Cotangents(logits));
    }
    List<Cotangents> some = cotangents.subList(first, first + count);
    some.forEach(Cotangents::clear);
    return some;
  }

  /**
   * Sets the rows' cotangents of a term's probe.
   *
   * @param draw counted from the first of the round
   * @return whether any is not zero
   */
  boolean random(Term term, Rows rows, int draw, double scale, Cotangents into)
      throws ModelException {
    boolean any = false;
    for (int i = 0; i < rows.count(); i++) {
      Probe probe = probe(rows.place(i), term.id(), round.firstDraw() + draw);
      term.part().fill(rows.core(i), rows.label(i), probe, u);
      double sign = term.rankOne() ? probe.next() : 1;
      multiply(sign * scale);
      any |= into.set(rows.row(i), u);
    }
    return any;
  }

  /** Sets the cotangent of a term without randomness in one row; whether it is not zero. */
  boolean fixed(Term term, Rows rows, int i, Cotangents into) throws ModelException {
    term.part().fill(rows.core(i), rows.label(i), ignored, u);
    return into.set(rows.row(i), u);
  }

  Probe probe(long place, long term, int draw) {
    return probes.of(place, term, draw);
  }

  private void multiply(double factor) {
    if (factor != 1) {
      for (int i = 0; i < u.length; i++) {
        u[i] *= factor;
      }
    }
  }
}
